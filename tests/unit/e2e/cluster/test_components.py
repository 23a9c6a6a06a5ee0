"""The components of the local cluster: flags, configuration files and networks."""

import json
import tomllib
from ipaddress import ip_address, ip_network

import pytest
import yaml

from e2e.cluster import base, layout, traces
from e2e.cluster.components import API_READY, ETCD_ADDRESS, ETCD_READY, Component, all_components
from e2e.cluster.layout import PACKAGE
from e2e.cluster.node import PRIVATE

CONFIG = PACKAGE / "config"


def flags(component: Component) -> dict[str, str]:
    pairs = (argument.lstrip("-").partition("=") for argument in component.argv[1:])
    return {name: value for name, _, value in pairs}


def by_name(name: str) -> Component:
    return next(component for component in all_components() if component.name == name)


def load(name: str) -> dict[str, object]:
    found: dict[str, object] = yaml.safe_load((CONFIG / name).read_text())
    return found


def test_every_configuration_file_named_on_a_command_line_is_there() -> None:
    prefix = "/run/cluster/config/"
    named = [value for c in all_components() for value in flags(c).values() if value.startswith(prefix)]
    assert len(named) == 4
    for path in named:
        assert (CONFIG / path.removeprefix(prefix)).is_file()


def test_components_start_after_their_dependencies() -> None:
    order = [component.name for component in all_components()]
    assert order.index("etcd") < order.index("kube-apiserver") < order.index("kubelet")
    assert ETCD_READY in by_name("kube-apiserver").needs
    assert flags(by_name("kube-apiserver"))["etcd-servers"] == f"http://{ETCD_ADDRESS}"
    for name in ("kube-controller-manager", "kube-scheduler", "kube-proxy", "coredns"):
        assert by_name(name).needs == (API_READY,)


def test_apiserver_is_reached_by_pods_and_reaches_the_kubelet_by_address() -> None:
    options = flags(by_name("kube-apiserver"))
    assert options["advertise-address"] == layout.NODE_ADDRESS
    assert options["kubelet-preferred-address-types"] == "InternalIP"
    assert options["service-cluster-ip-range"] == layout.SERVICE_NETWORK
    assert "Node,RBAC" in options["authorization-mode"]


def test_addresses_agree_between_flags_and_files() -> None:
    kubelet, proxy = load("kubelet.yaml"), load("kube-proxy.yaml")
    assert kubelet["address"] == layout.NODE_ADDRESS == flags(by_name("kubelet"))["node-ip"]
    assert kubelet["clusterDNS"] == [layout.NODE_ADDRESS]
    assert f"bind {layout.NODE_ADDRESS}\n" in (CONFIG / "Corefile").read_text()
    assert proxy["clusterCIDR"] == layout.POD_NETWORK
    assert proxy["hostnameOverride"] == layout.NODE_NAME == flags(by_name("kubelet"))["hostname-override"]
    assert kubelet["cgroupRoot"] == f"/{layout.CGROUP}"


def test_pods_the_veth_pair_and_services_have_networks_of_their_own() -> None:
    plugins = json.loads((CONFIG / "cni/10-sluice.conflist").read_text())["plugins"]
    pods = ip_network(plugins[0]["ipam"]["ranges"][0][0]["subnet"])
    link, services = ip_network(layout.LINK_NETWORK), ip_network(layout.SERVICE_NETWORK)
    assert pods.subnet_of(ip_network(layout.POD_NETWORK))  # type: ignore[arg-type]
    assert not pods.overlaps(link)
    assert not services.overlaps(ip_network(layout.POD_NETWORK))
    assert ip_address(layout.API_SERVICE_ADDRESS) == services.network_address + 1
    assert {ip_address(layout.HOST_ADDRESS), ip_address(layout.NODE_ADDRESS)} == set(link.hosts())


def test_containerd_writes_to_no_path_of_the_machine() -> None:
    settings = tomllib.loads((CONFIG / "containerd.toml").read_text())
    for path in (settings["root"], settings["state"], settings["grpc"]["address"]):
        assert path.startswith("/run/")


def test_each_mount_directory_is_created_once() -> None:
    ordered = traces._with_parents(PRIVATE)
    assert len(ordered) == len(set(ordered))
    for path in PRIVATE:
        assert ordered.index(path.parent) < ordered.index(path)


@pytest.mark.parametrize("system", ["", "only ubuntu\n"])
def test_sources_of_a_machine_without_this_debian_release(system: str) -> None:
    listed = "http://mirror.test/ubuntu|noble|main\n" if system else ""
    assert base.parse_sources(listed) == []


def test_sources_put_the_release_before_its_updates() -> None:
    listed = (
        "http://mirror.test/security|bookworm-security|main\n"
        "http://mirror.test/debian|bookworm|main\n"
        "http://mirror.test/debian|bookworm|main\n"
        "http://mirror.test/debian|bookworm|contrib\n"
        "http://mirror.test/other|nodistro|main\n"
    )
    assert base.parse_sources(listed) == [
        ("http://mirror.test/debian", "bookworm", "main"),
        ("http://mirror.test/security", "bookworm-security", "main"),
    ]
