"""The tools of the local cluster: building, progress and removal of outdated ones."""

import threading
from pathlib import Path

import pytest

from e2e.cluster import local, packages, provider, tools
from e2e.cluster.images import REDIS
from e2e.cluster.layout import Layout
from e2e.cluster.provider import Choice, LocalCluster


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(state=tmp_path / "state", cache=tmp_path / "cache")


def test_packages_are_counted_in_the_output_of_go() -> None:
    output = (
        "$ go build -v ./kube\n"
        "go: downloading k8s.io/api v0.35.4\n"
        "internal/abi\n"
        "k8s.io/api/core/v1\n"
        "# k8s.io/kubernetes/cmd/x\n"
        "x.go:3:5: undefined: y\n"
        "k8s.io/kube"
    )
    assert tools.count_packages(output) == 3
    assert tools.count_packages("") == 0


def test_outdated_commands_are_removed_and_current_ones_kept(layout: Layout) -> None:
    layout.binaries.mkdir(parents=True)
    (layout.binaries / "kube").touch()
    stamp = layout.tools / "fingerprint"
    stamp.write_text(tools.fingerprint())
    tools.discard_outdated(layout)
    assert (layout.binaries / "kube").exists()
    stamp.write_text("of earlier sources")
    tools.discard_outdated(layout)
    assert list(layout.binaries.iterdir()) == []


def test_commands_are_built_while_node_and_images_are_set_up(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """The build waits for the image to be loaded, so the test ends only if both run at the same time."""
    loaded = threading.Event()
    done: list[str] = []

    def build(_: Layout) -> None:
        assert loaded.wait(60)
        done.append("build")

    def load(*_: object) -> None:
        assert done == ["node"]
        loaded.set()

    monkeypatch.setattr(provider, "detect", lambda: Choice("local", "a test"))
    monkeypatch.setattr(tools, "ensure", build)
    monkeypatch.setattr(local, "start", lambda _: done.append("node"))
    monkeypatch.setattr(LocalCluster, "load_image", load)
    monkeypatch.setattr(local, "up", lambda *_, **__: done.append("cluster"))
    provider.ensure_cluster([REDIS], layout=layout)
    assert done == ["node", "build", "cluster"]


def test_commands_and_images_are_built_at_the_same_time(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    built = threading.Event()

    def build(_: Layout) -> None:
        assert built.wait(60)

    monkeypatch.setattr(provider, "detect", lambda: Choice("local", "a test"))
    monkeypatch.setattr(tools, "ensure", build)
    monkeypatch.setattr(packages, "ensure", lambda *_: None)
    monkeypatch.setattr(provider.images, "build", lambda *_: built.set())
    provider.prepare([REDIS], layout=layout)
    assert built.is_set()
