"""Loads image archives into the node's containerd, and creates the archive of the pause image."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from pathlib import Path

from e2e.cluster import records
from e2e.cluster.errors import ClusterError
from e2e.cluster.layout import Layout

PAUSE_IMAGE = "localhost/sluice-pause:1"


def load(layout: Layout, archive: Path, *, tag: str, key: str) -> None:
    """Import an archive into the node's containerd, unless it holds that tag with that key already.

    The key is a hash of what the image was made from; ClusterError when the import fails.
    """
    if holds(layout, tag=tag, key=key):
        return
    import_file(layout, archive)
    layout.loaded.write_text(json.dumps(_held(layout) | {tag: key}))


def import_file(layout: Layout, archive: Path) -> None:
    """Import any docker-archive or OCI archive into the node's containerd."""
    command = records.in_node(layout, "ctr", "--namespace=k8s.io", "images", "import", archive)
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise ClusterError(f"{archive} can't be loaded into the cluster: {done.stderr.strip()[-500:]}")


def containerd_answers(layout: Layout) -> bool:
    """Whether the node's containerd takes commands."""
    command = records.in_node(layout, "ctr", "version")
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def holds(layout: Layout, *, tag: str, key: str) -> bool:
    """Whether the node's containerd holds that tag with that key."""
    return _held(layout).get(tag) == key


def load_pause(layout: Layout) -> bool:
    """Load the pause image, whose process holds each pod's namespaces; False while containerd refuses it."""
    program = (layout.binaries / "pause").read_bytes()
    key = hashlib.sha256(program).hexdigest()
    path = layout.state / "pause.tar"
    if not holds(layout, tag=PAUSE_IMAGE, key=key):
        path.write_bytes(single_file_image(program, name="pause", tag=PAUSE_IMAGE))
    try:
        load(layout, path, tag=PAUSE_IMAGE, key=key)
    except ClusterError:
        return False
    return True


def single_file_image(program: bytes, *, name: str, tag: str) -> bytes:
    """A docker-archive of an image with one layer of one executable file, which is its entry point."""
    layer = _tar({name: program}, mode=0o755)
    config = json.dumps(
        {
            "architecture": _architecture(program),
            "os": "linux",
            "config": {"Entrypoint": [f"/{name}"], "User": "65535:65535"},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        }
    ).encode()
    config_name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = json.dumps([{"Config": config_name, "RepoTags": [tag], "Layers": ["layer.tar"]}]).encode()
    return _tar({config_name: config, "layer.tar": layer, "manifest.json": manifest}, mode=0o644)


def _architecture(program: bytes) -> str:
    """The architecture of an ELF file (its e_machine), by the name that Go and image configurations use."""
    machine = int.from_bytes(program[18:20], "little")
    return {0x3E: "amd64", 0xB7: "arm64"}[machine]


def _tar(files: dict[str, bytes], *, mode: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _held(layout: Layout) -> dict[str, str]:
    try:
        held: dict[str, str] = json.loads(layout.loaded.read_text())
    except FileNotFoundError:
        return {}
    return held
