"""The commands of the kind provider, recorded by scripts on PATH. No Docker is needed."""

import json
from pathlib import Path

import pytest

from e2e.cluster import kind
from e2e.cluster.errors import ClusterError
from e2e.cluster.images import Image
from e2e.cluster.layout import Layout

NETWORK = json.dumps([{"IPAM": {"Config": [{"Gateway": "172.18.0.1"}]}}])
SCRIPTS = {
    # The API server is ready once the cluster was created.
    "kubectl": '[ -e "$HERE/created" ] || exit 1; echo "readyz check passed"',
    "kind": '[ "$1" != create ] || touch "$HERE/created"; [ ! -e "$HERE/broken" ] || { echo no space >&2; exit 1; }',
    "docker": f"[ \"$1\" != network ] || echo '{NETWORK}'",
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, body in SCRIPTS.items():
        script = tmp_path / "bin" / name
        script.parent.mkdir(exist_ok=True)
        script.write_text(f'#!/bin/sh\nHERE={tmp_path}\necho "{name} $*" >> "$HERE/commands"\n{body}\n')
        script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    return tmp_path


def commands(here: Path, *names: str) -> list[str]:
    lines = (here / "commands").read_text().splitlines()
    return [line for line in lines if line.split()[0] in names]


def test_the_cluster_is_created_with_an_explicit_version(here: Path) -> None:
    layout = Layout(state=here / "state", cache=here / "cache")
    cluster = kind.up(layout)
    assert cluster.host_address == "172.18.0.1"
    assert cluster.kubeconfig == here / "state/kubeconfig"
    assert commands(here, "kind") == [
        f"kind create cluster --name pytest-sluice --kubeconfig {here}/state/kubeconfig "
        f"--image kindest/node:v{kind.KUBERNETES_VERSION}"
    ]
    image = Image(tag="localhost/x:1", dockerfile=here / "Dockerfile", context=here, build_args={"BASE": "python:3.13"})
    cluster.load_image(image)
    assert commands(here, "docker")[-1] == (
        f"docker build --tag=localhost/x:1 --file={here}/Dockerfile --build-arg=BASE=python:3.13 {here}"
    )
    assert commands(here, "kind")[-1] == "kind load docker-image localhost/x:1 --name pytest-sluice"
    cluster.down()
    assert commands(here, "kind")[-1] == "kind delete cluster --name pytest-sluice"
    assert not layout.state.exists()


def test_the_output_of_kind_is_in_the_error(here: Path) -> None:
    (here / "broken").touch()
    with pytest.raises(ClusterError, match="no space"):
        kind.up(Layout(state=here / "state", cache=here / "cache"))
