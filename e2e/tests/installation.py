"""The releases of the chart that the tests use, and what a test does with an operator: stop, start, kill.

Each but the last watches namespaces of its own, so that they run at the same time, also while a demo runs:

- `SHARED` serves most tests. Nothing stops its operator.
- `DISTURBED` serves the tests that stop or kill their operator.
- `POOLS` serves the proof with hundreds of Labelers.
- `EVERYWHERE` watches all namespaces, as with the chart's defaults. Only a proof that runs alone installs it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from e2e import deploy
from e2e.cluster.errors import ClusterError
from e2e.cluster.provider import Cluster
from e2e.tests.api import Api
from e2e.tests.once import once
from e2e.tests.port_forward import PortForward
from e2e.tests.wait import eventually

TESTS: Final = "sluice-tests"
"""The namespace of the resources of single tests."""
SITUATIONS: Final = "sluice-situations"
"""The namespace of the situations."""
RESTARTS: Final = "sluice-restarts"
"""The namespace of the tests that disturb their operator."""
POOLED: Final = "sluice-pooled"
"""The namespace of hundreds of Labelers in shared pods."""

SHARED: Final = deploy.Release(
    name="sluice-shared", namespace="sluice-shared-system", watch_namespaces=(TESTS, SITUATIONS)
)
DISTURBED: Final = deploy.Release(
    name="sluice-disturbed", namespace="sluice-disturbed-system", watch_namespaces=(RESTARTS,)
)
POOLS: Final = deploy.Release(name="sluice-pools", namespace="sluice-pools-system", watch_namespaces=(POOLED,))
EVERYWHERE: Final = deploy.Release(name="sluice-everywhere", namespace="sluice-everywhere-system")

STEADY: Final = [{"name": "SLUICE_LEASE_DURATION_SECONDS", "value": "60"}]
"""As `operator.extraEnv`: no operator loses its Lease when an overloaded API server answers late."""

_OPERATOR: Final = "app.kubernetes.io/component=operator"
_CRDS: Final = ("relays.sluice.dev", "labelers.sluice.dev")


@dataclass(frozen=True, kw_only=True)
class Installation:
    """A release that is installed, and the clients that reach it."""

    cluster: Cluster
    api: Api
    release: deploy.Release
    redis_url: str
    """The bundled Redis, for pods."""
    redis_port: int
    """The same on this machine."""

    def operator_pods(self) -> list[str]:
        """The operator's pods, those that are ending included."""
        pods = self.api.list("pods", self.release.namespace, labelSelector=_OPERATOR)
        return [pod["metadata"]["name"] for pod in pods]

    def stop_operator(self) -> None:
        """Scale the operator down to no replica and wait until its pods are gone."""
        self._kubectl("scale", self.release.operator, "--replicas=0")
        eventually(self.operator_pods, until=lambda pods: pods == [])

    def start_operator(self) -> None:
        """Scale the operator up to the replicas that the chart gives it, and wait until they are ready."""
        self._kubectl("scale", self.release.operator, "--replicas=2")
        self._kubectl("rollout", "status", self.release.operator, "--timeout=280s")

    def kill_operator(self) -> None:
        """Delete all pods of the operator at once, without a chance to tidy up."""
        self._kubectl("delete", "pod", "--selector", _OPERATOR, "--grace-period=0", "--force", "--wait=false")

    def leader(self) -> str:
        """Who holds the Lease for leader election, empty if nobody does."""
        lease = self.api.read("leases", self.release.namespace, self.release.lease)
        return str(lease["spec"].get("holderIdentity") or "")

    def _kubectl(self, *args: str) -> str:
        return self.cluster.kubectl("--namespace", self.release.namespace, *args)


@contextmanager
def installed(
    cluster: Cluster, api: Api, release: deploy.Release, run_directory: Path, **operator: object
) -> Iterator[Installation]:
    """The release, installed once in a run into empty namespaces. It stays, for the other processes of the run.

    `operator` are values of the chart, below `operator`.
    """

    def install() -> None:
        for namespace in release.watch_namespaces:
            remove_namespace(cluster, namespace)
        values = deploy.chart_values(release)
        values["operator"] |= operator
        deploy.install(cluster, release=release, values=values)

    once(run_directory, release.name, install)
    url = deploy.redis_url(cluster, release=release)
    target = f"service/{release.name}-redis"
    with PortForward(cluster, namespace=release.namespace, target=target, port=6379) as port:
        yield Installation(cluster=cluster, api=api, release=release, redis_url=url, redis_port=port)


def remove_namespace(cluster: Cluster, namespace: str, *, wait: bool = True) -> None:
    """Delete a namespace and all in it, also when no operator is there to remove the finalizers of its resources."""
    if not cluster.kubectl("get", "namespace", namespace, "--ignore-not-found", "-o", "name"):
        return
    for crd in _CRDS:
        if not cluster.kubectl("get", "crd", crd, "--ignore-not-found", "-o", "name"):
            continue
        for name in cluster.kubectl("get", crd, "-n", namespace, "-o", "name").split():
            with suppress(ClusterError):  # it may be gone by now
                patch = '{"metadata":{"finalizers":null}}'
                cluster.kubectl("patch", name, "-n", namespace, "--type=merge", "-p", patch)
    flags = ("--ignore-not-found", "--timeout=280s") if wait else ("--ignore-not-found", "--wait=false")
    cluster.kubectl("delete", "namespace", namespace, *flags)
