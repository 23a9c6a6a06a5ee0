"""What `helm uninstall` leaves of the shared release. `e2e.run` runs it after all other tests, since it ends them."""

from collections.abc import Iterator

import pytest

from e2e.cluster.provider import Cluster
from e2e.tests.installation import DISTURBED, SHARED, Installation, remove_namespace
from e2e.tests.wait import eventually


@pytest.fixture
def cleared(cluster: Cluster) -> Iterator[None]:
    """Deletes all releases and namespaces of the tests at the end."""
    yield
    for release in (SHARED, DISTURBED):
        cluster.helm("uninstall", release.name, "--namespace", release.namespace, "--ignore-not-found")
        for namespace in (*release.watch_namespaces, release.namespace):
            remove_namespace(cluster, namespace, wait=False)


@pytest.mark.usefixtures("cleared")
def test_uninstall_leaves_the_crd_the_volume_the_lease_and_nothing_else(shared: Installation) -> None:
    """Resources and data stay until a person deletes them. No workload stays."""
    cluster, release = shared.cluster, shared.release
    cluster.helm("uninstall", release.name, "--namespace", release.namespace, "--wait", "--timeout", "4m")
    kinds = (
        "deployments,statefulsets,replicasets,services,pods,secrets,serviceaccounts,roles,rolebindings,"
        "persistentvolumeclaims,leases,poddisruptionbudgets,networkpolicies"
    )
    left = [
        f"lease.coordination.k8s.io/{release.lease}",
        f"persistentvolumeclaim/data-{release.name}-redis-0",
        "serviceaccount/default",
    ]
    eventually(
        lambda: sorted(cluster.kubectl("get", kinds, "--namespace", release.namespace, "-o", "name").split()),
        until=left.__eq__,
        every=1,
    )
    ours = f"app.kubernetes.io/instance={release.name}"
    assert cluster.kubectl("get", "clusterroles,clusterrolebindings", "-l", ours, "-o", "name") == ""
    assert cluster.kubectl("get", "crd", "relays.sluice.dev", "-o", "name").strip()
