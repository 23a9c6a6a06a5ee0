"""One cluster, one installation for all tests of the session.

`python -m e2e.run` starts the cluster and hands it to pytest-kubernetes as an external one.
"""

import re
import subprocess
import threading
from collections.abc import Callable, Iterator

import pytest
from pytest_kubernetes.providers.base import AClusterManager

from e2e import deploy, manifests
from e2e.cluster.provider import Cluster, ensure_cluster
from e2e.tests.situations import report
from e2e.tests.sluice import NAMESPACE, Sluice


@pytest.fixture(scope="session")
def cluster(k8s_manager: Callable[[], type[AClusterManager]], request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """The cluster, with all images in it."""
    manager = k8s_manager()(
        request.config.getoption("k8s_cluster_name"), None, request.config.getoption("k8s_kubeconfig")
    )
    manager.create()
    assert manager.version() >= (1, 30), "older API servers don't know all that the CRDs use"
    cluster = ensure_cluster()
    deploy.load_images(cluster)
    yield cluster
    manager.delete()


@pytest.fixture(scope="session")
def sluice(cluster: Cluster) -> Iterator[Sluice]:
    """Sluice by its chart, and a namespace for the resources under test; both are gone afterwards."""
    cluster.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=120s")
    deploy.install(cluster)
    deploy.apply(cluster, manifests.namespace(NAMESPACE))
    with PortForward(cluster, "service/sluice-redis", 6379) as port:
        yield Sluice(cluster, redis_port=port)
    cluster.kubectl("delete", "namespace", NAMESPACE, "--timeout=120s")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table of the situations, if they were played."""
    if table := terminalreporter.config.stash.get(report.TABLE, None):
        terminalreporter.section("situations")
        terminalreporter.write_line("\n".join(table))


class PortForward:
    """A local port that kubectl forwards to a Service of the installation, while the context lasts."""

    def __init__(self, cluster: Cluster, target: str, port: int) -> None:
        self._command = ["kubectl", "port-forward", "-n", deploy.NAMESPACE, target, f":{port}"]
        self._environment = cluster.environment()

    def __enter__(self) -> int:
        self._process = subprocess.Popen(
            self._command, env=self._environment, stdout=subprocess.PIPE, text=True, stderr=subprocess.STDOUT
        )
        assert self._process.stdout
        line = self._process.stdout.readline()
        found = re.search(r"127\.0\.0\.1:(\d+)", line)
        assert found, f"kubectl port-forward: {line}"
        # It tells of each connection, and stands still once nobody reads what it says.
        self._reader = threading.Thread(target=self._process.stdout.read, daemon=True)
        self._reader.start()
        return int(found[1])

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        self._reader.join()
