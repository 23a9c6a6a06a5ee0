"""The command line of each component of Kubernetes, and what must be ready before it starts. Pure.

The configuration files in `config/` are constant, because paths and addresses inside the node are always the same. The
settings here can only be set by flags.
"""

from __future__ import annotations

from dataclasses import dataclass

from e2e.cluster.layout import (
    API_SERVER,
    NODE_ADDRESS,
    NODE_DIRECTORY,
    NODE_NAME,
    SERVICE_NETWORK,
)

BIN = NODE_DIRECTORY / "bin"
CONFIG = NODE_DIRECTORY / "config"
STATE = NODE_DIRECTORY / "state"
PKI = STATE / "pki"
CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
FRONT_PROXY = "sluice:front-proxy"
ETCD_ADDRESS = "127.0.0.1:2379"
# etcd accepts connections before it serves them, and an API server that waits too long for it exits.
ETCD_READY = f"http://{ETCD_ADDRESS}/health"
API_ADDRESS = API_SERVER.removeprefix("https://")
# Answers 200 only when the default roles exist: without them the controllers are refused and exit.
API_READY = f"{API_SERVER}/readyz"


@dataclass(frozen=True, kw_only=True)
class Component:
    """One process of the cluster.

    `needs` are what must be there first: sockets (a path, or host:port) that accept, URLs that say 200.
    """

    name: str
    argv: tuple[str, ...]
    needs: tuple[str, ...] = ()


def all_components() -> tuple[Component, ...]:
    """Every component, in the order in which they can start."""
    return (
        etcd(),
        containerd(),
        apiserver(),
        controller_manager(),
        scheduler(),
        kubelet(),
        proxy(),
        coredns(),
    )


def etcd() -> Component:
    """etcd, on the node's own loopback, so that it needs no certificates."""
    return Component(
        name="etcd",
        argv=(
            "etcd",
            f"--data-dir={STATE / 'etcd'}",
            f"--listen-client-urls=http://{ETCD_ADDRESS}",
            f"--advertise-client-urls=http://{ETCD_ADDRESS}",
            "--listen-peer-urls=http://127.0.0.1:2380",
            "--initial-advertise-peer-urls=http://127.0.0.1:2380",
            "--initial-cluster=default=http://127.0.0.1:2380",
            "--logger=zap",
        ),
    )


def containerd() -> Component:
    """The container runtime."""
    return Component(name="containerd", argv=("containerd", f"--config={CONFIG / 'containerd.toml'}"))


def apiserver() -> Component:
    """The API server. It reaches the kubelet by address, since no DNS resolves the node's name."""
    return Component(
        name="kube-apiserver",
        needs=(ETCD_READY,),
        argv=(
            str(BIN / "kube-apiserver"),
            f"--etcd-servers=http://{ETCD_ADDRESS}",
            f"--advertise-address={NODE_ADDRESS}",
            "--bind-address=0.0.0.0",
            f"--service-cluster-ip-range={SERVICE_NETWORK}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            f"--client-ca-file={PKI / 'ca.crt'}",
            f"--tls-cert-file={PKI / 'kube-apiserver.crt'}",
            f"--tls-private-key-file={PKI / 'kube-apiserver.key'}",
            f"--kubelet-certificate-authority={PKI / 'ca.crt'}",
            f"--kubelet-client-certificate={PKI / 'kubelet-client.crt'}",
            f"--kubelet-client-key={PKI / 'kubelet-client.key'}",
            "--kubelet-preferred-address-types=InternalIP",
            f"--requestheader-client-ca-file={PKI / 'ca.crt'}",
            f"--requestheader-allowed-names={FRONT_PROXY}",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            f"--proxy-client-cert-file={PKI / 'front-proxy.crt'}",
            f"--proxy-client-key-file={PKI / 'front-proxy.key'}",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            f"--service-account-key-file={PKI / 'service-accounts.pub'}",
            f"--service-account-signing-key-file={PKI / 'service-accounts.key'}",
        ),
    )


def controller_manager() -> Component:
    """The controllers, with the in-tree provisioner of hostPath volumes."""
    return _controller(
        "kube-controller-manager",
        "--use-service-account-credentials=true",
        "--enable-hostpath-provisioner=true",
        f"--root-ca-file={PKI / 'ca.crt'}",
        f"--cluster-signing-cert-file={PKI / 'ca.crt'}",
        f"--cluster-signing-key-file={PKI / 'ca.key'}",
        f"--service-account-private-key-file={PKI / 'service-accounts.key'}",
    )


def scheduler() -> Component:
    """The scheduler."""
    return _controller("kube-scheduler")


def _controller(name: str, *flags: str) -> Component:
    """A controller without leader election, with its own kubeconfig, that listens only inside the node."""
    kubeconfig = PKI / f"{name}.kubeconfig"
    return Component(
        name=name,
        needs=(API_READY,),
        argv=(
            str(BIN / name),
            f"--kubeconfig={kubeconfig}",
            f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}",
            "--bind-address=127.0.0.1",
            "--leader-elect=false",
            *flags,
        ),
    )


def kubelet() -> Component:
    """The kubelet."""
    return Component(
        name="kubelet",
        needs=(CONTAINERD_SOCKET, API_ADDRESS),
        argv=(
            str(BIN / "kubelet"),
            f"--config={CONFIG / 'kubelet.yaml'}",
            f"--kubeconfig={PKI / 'kubelet.kubeconfig'}",
            f"--root-dir={STATE / 'kubelet'}",
            f"--hostname-override={NODE_NAME}",
            f"--node-ip={NODE_ADDRESS}",
        ),
    )


def proxy() -> Component:
    """kube-proxy."""
    return Component(
        name="kube-proxy",
        needs=(API_READY,),
        argv=(str(BIN / "kube-proxy"), f"--config={CONFIG / 'kube-proxy.yaml'}"),
    )


def coredns() -> Component:
    """The cluster's DNS. It is a process of the node instead of a pod, so that it needs no image."""
    return Component(
        name="coredns",
        needs=(API_READY,),
        argv=(str(BIN / "coredns"), f"-conf={CONFIG / 'Corefile'}"),
    )
