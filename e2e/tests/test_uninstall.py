"""What `helm uninstall` leaves of the shared release. `e2e.run` runs it after all other tests, since it ends them."""

from e2e import deploy
from e2e.tests.installation import DISTURBED, Installation, remove_namespace
from e2e.tests.wait import eventually


def test_uninstall_leaves_the_crd_the_volume_the_lease_and_nothing_else(shared: Installation) -> None:
    """Resources and data stay until a person deletes them; nothing that runs stays."""
    cluster, release = shared.cluster, shared.release
    for namespace in (*release.watch_namespaces, *DISTURBED.watch_namespaces):
        remove_namespace(cluster, namespace)
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
    )
    ours = f"app.kubernetes.io/instance={release.name}"
    assert cluster.kubectl("get", "clusterroles,clusterrolebindings", "-l", ours, "-o", "name") == ""
    assert cluster.kubectl("get", "crd", "relays.sluice.dev", "-o", "name").strip()
    for one in (release, DISTURBED):
        deploy.uninstall(cluster, release=one)
