"""Images of the local cluster: their keys, arguments and content."""

import configparser
import hashlib
import io
import json
import os
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from e2e.cluster import base, tools
from e2e.cluster.archive import single_file_image
from e2e.cluster.buildah import pip_settings
from e2e.cluster.images import REDIS, Image, arguments
from e2e.cluster.layout import Layout

PROGRAM = b"\x7fELF" + bytes(14) + b"\x3e\x00" + bytes(44)


@pytest.fixture
def image(tmp_path: Path) -> Image:
    (tmp_path / "Dockerfile").write_text(
        "ARG BASE=python:3.13\nARG UV_VERSION=1\nFROM ${BASE}\n  ARG SSL_CERT_FILE\nRUN x\n"
    )
    (tmp_path / "code").mkdir()
    (tmp_path / "code/a.py").write_text("a = 1\n")
    return Image(tag="localhost/x:1", dockerfile=tmp_path / "Dockerfile", context=tmp_path, inputs=(tmp_path / "code",))


def test_the_key_depends_on_every_input_and_nothing_else(image: Image, tmp_path: Path) -> None:
    keys = [image.key()]
    (tmp_path / "code/__pycache__").mkdir()
    (tmp_path / "code/__pycache__/a.pyc").write_text("x")
    (tmp_path / "unrelated").write_text("x")
    os.utime(tmp_path / "code/a.py", (0, 0))
    assert image.key() == keys[0]
    (tmp_path / "code/a.py").write_text("a = 2\n")
    keys.append(image.key())
    (tmp_path / "code/a.py").rename(tmp_path / "code/b.py")
    keys.append(image.key())
    (tmp_path / "code/b.py").chmod(0o755)
    keys.append(image.key())
    image.dockerfile.write_text("FROM scratch\n")
    keys.append(image.key())
    keys.append(replace(image, build_args={"A": "1"}).key())
    keys.append(replace(image, tag="localhost/y:1").key())
    assert len(set(keys)) == len(keys)


def test_arguments_without_a_default_come_from_the_environment(image: Image) -> None:
    environ = {"SSL_CERT_FILE": "/etc/ssl/certs/x.crt", "UV_VERSION": "2", "HOME": "/"}
    assert arguments(image, environ) == {"BASE": base.TAG, "SSL_CERT_FILE": "/etc/ssl/certs/x.crt"}
    assert arguments(replace(image, build_args={"BASE": "other"}), {}) == {"BASE": "other"}


def test_the_redis_image_uses_the_base_image() -> None:
    assert set(arguments(REDIS, {})) == {"BASE"}
    assert all(path.exists() for path in (REDIS.dockerfile, *REDIS.inputs))


def test_an_image_of_one_file_is_consistent() -> None:
    content = single_file_image(PROGRAM, name="pause", tag="localhost/pause:1")
    with tarfile.open(fileobj=io.BytesIO(content)) as outer:
        members = {member.name: outer.extractfile(member) for member in outer}
        files = {name: file.read() for name, file in members.items() if file}
    (manifest,) = json.loads(files["manifest.json"])
    config = json.loads(files[manifest["Config"]])
    layer = files[manifest["Layers"][0]]
    assert manifest["RepoTags"] == ["localhost/pause:1"]
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}"]
    assert config["architecture"] == "amd64"
    with tarfile.open(fileobj=io.BytesIO(layer)) as inner:
        (entry,) = inner.getmembers()
        assert (entry.name, entry.mode) == ("pause", 0o755)
        extracted = inner.extractfile(entry)
        assert extracted is not None
        assert extracted.read() == PROGRAM
    assert config["config"]["Entrypoint"] == ["/pause"]


def test_pip_settings_contain_the_index_and_no_local_options() -> None:
    files = "[global]\ncert = /etc/ssl/certs/a.crt\nfind-links = /opt/wheels\nindex-url = https://one.test/simple\n"
    environ = {"PIP_INDEX_URL": "https://two.test/simple", "PIP_FIND_LINKS": "/opt/wheels"}
    parsed = configparser.ConfigParser()
    parsed.read_string(pip_settings(environ, files))
    assert dict(parsed["global"]) == {
        "cert": "/etc/ssl/certs/a.crt",
        "index-url": "https://two.test/simple",
    }
    assert pip_settings({}, "") == ""


def test_tools_are_built_again_only_when_their_sources_change(tmp_path: Path) -> None:
    layout = Layout(cache=tmp_path)
    assert not tools.ready(layout)
    layout.tools.mkdir(parents=True)
    (layout.tools / "fingerprint").write_text(tools.fingerprint())
    assert tools.ready(layout)
    (layout.tools / "fingerprint").write_text("other")
    assert not tools.ready(layout)


def test_versions_match_the_module_file() -> None:
    module = (tools.SOURCE / "go.mod").read_text()
    assert f"k8s.io/kubernetes v{tools.KUBERNETES_VERSION}\n" in module
    assert f"helm.sh/helm/v3 v{tools.HELM_VERSION} " in module
    assert f"gitVersion=v{tools.KUBERNETES_VERSION} " in tools.ldflags()
