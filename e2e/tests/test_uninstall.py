"""What `helm uninstall` leaves. The last of these tests, by its name: it ends the installation."""

import pytest

from e2e import deploy
from e2e.tests.sluice import Sluice
from e2e.tests.wait import eventually

pytestmark = pytest.mark.timeout(600)
LEFT = [
    f"lease.coordination.k8s.io/{deploy.RELEASE}-operator",
    "persistentvolumeclaim/data-sluice-redis-0",
    "serviceaccount/default",
]


def test_uninstall_leaves_the_crd_the_volume_the_lease_and_nothing_else(sluice: Sluice) -> None:
    """Resources and data stay until a person deletes them; nothing that runs does."""
    cluster = sluice.cluster
    cluster.helm("uninstall", deploy.RELEASE, "--namespace", deploy.NAMESPACE, "--wait", "--timeout", "2m")
    kinds = (
        "deployments,statefulsets,replicasets,services,pods,secrets,serviceaccounts,roles,rolebindings,"
        "persistentvolumeclaims,leases,poddisruptionbudgets,networkpolicies"
    )
    eventually(
        lambda: sorted(cluster.kubectl("get", kinds, "--namespace", deploy.NAMESPACE, "-o", "name").split()),
        until=LEFT.__eq__,
        within=120,
    )
    ours = f"app.kubernetes.io/instance={deploy.RELEASE}"
    assert cluster.kubectl("get", "clusterroles,clusterrolebindings", "-l", ours, "-o", "name") == ""
    assert cluster.kubectl("get", "crd", "relays.sluice.dev", "-o", "name").strip()
