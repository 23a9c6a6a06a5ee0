"""The cluster and the installed releases, shared by the worker processes of one run.

`python -m e2e.run` starts the cluster and hands it to pytest-kubernetes as an external one.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_kubernetes.providers.base import AClusterManager

from e2e import deploy
from e2e.cluster.provider import Cluster, ensure_cluster
from e2e.run import RUN_DIRECTORY
from e2e.tests import installation
from e2e.tests.api import Api
from e2e.tests.installation import DISTURBED, SHARED, STEADY, Installation, installed
from e2e.tests.once import once
from e2e.tests.situations import report
from e2e.tests.sluice import Databases, Sluice


@pytest.fixture(scope="session")
def run_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that all processes of this run share, and no other run: that of `e2e.run`, if it has started them."""
    if directory := os.environ.get(RUN_DIRECTORY):
        return Path(directory)
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def cluster(
    k8s_manager: Callable[[], type[AClusterManager]],
    request: pytest.FixtureRequest,
    run_directory: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Cluster]:
    """The cluster, with all images in it."""
    # The manager deletes its kubeconfig at the end, while other worker processes still use it.
    kubeconfig = tmp_path_factory.mktemp("cluster") / "kubeconfig"
    shutil.copy(request.config.getoption("k8s_kubeconfig"), kubeconfig)
    manager = k8s_manager()(request.config.getoption("k8s_cluster_name"), None, kubeconfig)
    manager.create()
    assert manager.version() >= (1, 30), "older API servers don't know all that the CRDs use"
    cluster = ensure_cluster()
    once(run_directory, "images", lambda: deploy.load_images(cluster))
    yield cluster
    manager.delete()


@pytest.fixture(scope="session")
def api(cluster: Cluster) -> Api:
    """A client of the cluster's API server."""
    return Api(cluster.kubeconfig)


@pytest.fixture(scope="session")
def shared(cluster: Cluster, api: Api, run_directory: Path) -> Iterator[Installation]:
    """The release whose operator nothing disturbs."""
    with installed(cluster, api, SHARED, run_directory, extraEnv=STEADY) as found:
        yield found


@pytest.fixture(scope="session")
def disturbed(cluster: Cluster, api: Api, run_directory: Path) -> Iterator[Installation]:
    """The release whose operator tests stop and kill."""
    with installed(cluster, api, DISTURBED, run_directory) as found:
        yield found


@pytest.fixture(scope="session")
def databases(worker_id: str) -> Databases:
    """The databases of Redis that this worker process has to itself."""
    return Databases.of_worker(worker_id)


@pytest.fixture
def sluice(shared: Installation, databases: Databases) -> Iterator[Sluice]:
    """Resources and simulators of one test in the shared release; they are gone after it."""
    with Sluice(shared, namespace=installation.TESTS, databases=databases) as sluice:
        yield sluice


@pytest.fixture
def disturbed_sluice(disturbed: Installation, databases: Databases) -> Iterator[Sluice]:
    """The same in the release whose operator may be killed."""
    with Sluice(disturbed, namespace=installation.RESTARTS, databases=databases) as sluice:
        yield sluice


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker process hands the table of the situations to the process that reports."""
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["situations"] = session.config.stash.get(report.TABLE, [])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A worker process has ended: keep the lines of its table."""
    lines = getattr(node, "workeroutput", {}).get("situations", [])
    node.config.stash.setdefault(report.TABLE, []).extend(lines)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table of the situations, if any were run."""
    if table := terminalreporter.config.stash.get(report.TABLE, None):
        terminalreporter.section("situations")
        terminalreporter.write_line("\n".join(table))
