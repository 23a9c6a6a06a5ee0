"""The choice of a cluster provider, and the packages that it needs."""

import json
from itertools import product
from pathlib import Path

import pytest

from e2e.cluster import packages
from e2e.cluster.errors import ClusterError
from e2e.cluster.kind import parse_gateway
from e2e.cluster.provider import choose, has_capabilities


@pytest.mark.parametrize(
    ("system", "root", "docker", "kind", "provider"),
    [
        ("linux", True, True, True, "kind"),
        ("linux", False, True, True, "kind"),
        ("darwin", False, True, True, "kind"),
        ("linux", True, False, True, "local"),
        ("linux", True, False, False, "local"),
        ("linux", True, True, False, "local"),
        ("linux", False, False, True, None),
        ("linux", False, True, False, None),
        ("darwin", True, False, True, None),
    ],
)
def test_the_choice_of_the_provider(*, system: str, root: bool, docker: bool, kind: bool, provider: str | None) -> None:
    assert choose(system=system, root=root, docker=docker, kind=kind).provider == provider


@pytest.mark.parametrize(
    ("mask", "enough"),
    [("000001fffeffffff", True), ("00000000a80425fb", False), ("0000000000201000", True), ("0000000000200000", False)],
)
def test_capabilities_are_read_from_the_effective_set(*, mask: str, enough: bool) -> None:
    status = f"Name:\tx\nCapPrm:\t000001ffffffffff\nCapEff:\t{mask}\nCapBnd:\t000001ffffffffff\n"
    assert has_capabilities(status) is enough


def test_every_choice_has_a_reason_of_one_line() -> None:
    flags = (False, True)
    for system, root, docker, kind in product(("linux", "darwin"), flags, flags, flags):
        reason = choose(system=system, root=root, docker=docker, kind=kind).reason
        assert reason
        assert "\n" not in reason


def test_missing_packages_are_named_once_and_in_order() -> None:
    assert packages.missing(packages.CLUSTER, lambda _: True) == []
    assert packages.missing(packages.CLUSTER, lambda what: what not in {"runc", "/usr/lib/cni/bridge", "etcd"}) == [
        "containernetworking-plugins",
        "etcd-server",
        "runc",
    ]


def test_the_error_for_a_user_who_is_not_root_has_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(ClusterError, match=r"as root: apt-get update && apt-get install .* some-package"):
        packages.ensure(tmp_path / "log", {"/no/such/file": "some-package"})


def test_the_gateway_is_the_ipv4_one() -> None:
    config = [{"Subnet": "fc00::/64", "Gateway": "fc00::1"}, {"Subnet": "x", "Gateway": "172.18.0.1"}]
    assert parse_gateway(json.dumps([{"IPAM": {"Config": config}}])) == "172.18.0.1"
    with pytest.raises(ClusterError, match="no IPv4 gateway"):
        parse_gateway(json.dumps([{"IPAM": {"Config": config[:1]}}]))
