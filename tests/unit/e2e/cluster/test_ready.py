"""Waiting for the local cluster: messages about what is not ready, and cleaning up."""

import json
from pathlib import Path

import pytest

from e2e.cluster import doctor, network, progress, ready
from e2e.cluster.errors import ClusterError, tail
from e2e.cluster.layout import Layout


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(state=tmp_path / "state", cache=tmp_path / "cache")
    made.logs.mkdir(parents=True)
    return made


def test_the_error_about_a_component_that_keeps_exiting_has_the_end_of_its_log(layout: Layout) -> None:
    status = {
        "coredns": {"pid": None, "exits": 5, "exit_code": -9},
        "etcd": {"pid": None, "exits": 3, "exit_code": 1},
        "kubelet": {"pid": 7, "exits": 4, "exit_code": 1},
    }
    layout.status.write_text(json.dumps(status))
    (layout.logs / "etcd.log").write_text("first\nno space left\n")
    with pytest.raises(ClusterError) as caught:
        ready.wait(layout, checks=ready.CLUSTER, timeout=30)
    assert str(caught.value) == (f"etcd keeps exiting; log: {layout.logs / 'etcd.log'}\n    first\n    no space left")


def test_the_timeout_error_names_what_is_missing(layout: Layout) -> None:
    with pytest.raises(ClusterError, match=r"after 0 s: not yet every component started; log: .*/node\.log"):
        ready.wait(layout, checks=ready.CLUSTER, timeout=0)


def test_a_failed_command_shows_its_log_and_the_hint(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    command = ["sh", "-c", "echo out; echo err >&2; exit 3"]
    with pytest.raises(ClusterError) as caught:
        progress.run(command, log=log, label="thing", hint="do that")
    message = str(caught.value)
    assert message.startswith(f"thing failed (exit code 3); log: {log}\n")
    assert message.endswith("    out\n    err\ndo that")


def test_a_failed_check_is_repeated(tmp_path: Path) -> None:
    command = ["sh", "-c", f"echo one more >> {tmp_path / 'tried'}; test $(wc -l < {tmp_path / 'tried'}) = 2"]
    progress.run(command, log=tmp_path / "x.log", label="thing", tries=3)
    assert len((tmp_path / "tried").read_text().splitlines()) == 2


def test_the_tail_of_a_missing_log(tmp_path: Path) -> None:
    assert tail(tmp_path / "none") == "    (no log)"


def test_mounts_of_a_cluster_are_distinguished_from_others(layout: Layout) -> None:
    line = "36 35 98:0 / {} rw,noatime master:1 - ext3 /dev/root rw"
    points = [f"{layout.state}/kubelet/pods", "/run/cluster/state", "/run/clusters", "/", "/home"]
    found = doctor.our_mounts("\n".join(line.format(point) for point in points), layout)
    assert found == points[:2]


def test_the_alias_of_the_veth_pair_names_its_cluster_within_the_kernels_limit() -> None:
    assert network.alias(Path("/a/.cluster")) == "/a/.cluster"
    assert len(network.alias(Path("/" + "x" * 400))) < 256


def test_nothing_is_left_when_nothing_ran(tmp_path: Path) -> None:
    assert [line for line in doctor.leftovers(Layout(state=tmp_path / "none")) if str(tmp_path) in line] == []
