"""The chart grants exactly the rights that the operator uses: each kind of request is made once."""

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.integration.operator.audit import Request
from tests.integration.operator.conftest import OperatorProcess
from tests.integration.operator.control_plane import Manifest, path_of
from tests.integration.operator.lease.candidates import LeaseNamespace, leads
from tests.integration.operator.rights import as_triples, lease_rules, release, rules, wait_in_force
from tests.integration.operator.situation import eventually

USER = "first"
FAST = {"speed": 4.0, "SLUICE_LEASE_DURATION_SECONDS": "240"}
"""Timers that run faster. The Lease of the leader lasts for a minute of the machine."""


@pytest.fixture
def watched(place: LeaseNamespace) -> Iterator[list[LeaseNamespace]]:
    """Two namespaces other than that of the release."""
    places = [LeaseNamespace(place.control_plane, f"test-{secrets.token_hex(3)}", place.sink) for _ in range(2)]
    yield places
    for one in places:
        one.remove()


def test_no_right_is_missing_and_none_is_unused(
    place: LeaseNamespace, candidate: Callable[..., OperatorProcess]
) -> None:
    """The rights of a release that watches the whole cluster, granted in one namespace."""
    log, operator = place.control_plane.audit.from_now(), candidate(USER, **FAST)
    operator.start()
    eventually(lambda: leads(operator))
    _do_everything(place)
    assert operator.stop() == 0
    _assert_exact(log.requests(USER), as_triples(rules()) | as_triples(lease_rules()))


def test_no_right_is_missing_and_none_is_unused_in_watched_namespaces(
    place: LeaseNamespace, watched: list[LeaseNamespace], candidate: Callable[..., OperatorProcess], tmp_path: Path
) -> None:
    """The rights of a release that watches two namespaces from a third one, with its own service account."""
    names = [one.namespace for one in watched]
    made = release(place.namespace, watched=names)
    place.control_plane.apply(*made)
    account = f"system:serviceaccount:{place.namespace}:sluice"
    for role in (item for item in made if item["kind"] == "Role"):
        wait_in_force(place.control_plane, role["rules"], account, namespace=role["metadata"]["namespace"])
    log = place.control_plane.audit.from_now()
    kubeconfig = _kubeconfig(place, "sluice", tmp_path / "kubeconfig")
    operator = candidate("release", **FAST, KUBECONFIG=str(kubeconfig), SLUICE_WATCH_NAMESPACES=",".join(names))
    operator.start()
    eventually(lambda: leads(operator))
    for one in watched:
        _do_everything(one)
    assert operator.stop() == 0

    requests = log.requests(account)
    assert {request.namespace for request in requests} == {place.namespace, *names}
    for namespace in (place.namespace, *names):
        roles = [item for item in made if item["kind"] == "Role" and item["metadata"]["namespace"] == namespace]
        granted = {right for role in roles for right in as_triples(role["rules"])}
        _assert_exact([request for request in requests if request.namespace == namespace], granted)


def test_nothing_is_granted_outside_its_namespace(
    place: LeaseNamespace, candidate: Callable[..., OperatorProcess]
) -> None:
    candidate(USER).start()
    other = LeaseNamespace(place.control_plane, f"test-{secrets.token_hex(3)}", place.sink)
    try:
        log = place.control_plane.audit.from_now()
        other.apply("one")
        place.apply("one")
        eventually(lambda: place.get("Deployment", "one-firehose"))
        assert other.names("Deployment") == []
        assert {request.namespace for request in log.requests(USER)} == {place.namespace}
    finally:
        other.remove()


def _do_everything(place: LeaseNamespace) -> None:
    """Cause each kind of request of the operator once."""
    log = place.control_plane.audit.from_now()
    metadata = {"name": "private-ca", "namespace": place.namespace}
    place.control_plane.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {}})
    place.apply_secret("mine", url=f"redis://:s3cret@127.0.0.1:{place.sink.port}/0")
    bundle = {"configMapRef": {"name": "private-ca"}}
    for kind in ("Relay", "Labeler"):
        place.apply("one", kind=kind, caBundle=bundle, deletionPolicy="DeleteCursor")
        eventually(lambda kind=kind: place.get(kind, "one")["metadata"]["finalizers"])
    eventually(lambda: place.get("Secret", "sluice-redis-url"))

    # Its pods do not start, so the operator lists their Events for the cause.
    listed = (place.namespace, "list", "events")
    eventually(lambda: listed in {(one.namespace, one.verb, one.resource) for one in log.requests()})

    # It restores what a user changes, and updates the Event each time.
    eventually(lambda: place.get("Deployment", "one-firehose"))
    for replicas in (2, 2):
        place.patch("Deployment", "one-firehose", {"spec": {"replicas": replicas}})
        eventually(lambda: place.get("Deployment", "one-firehose")["spec"]["replicas"] == 1)
    eventually(lambda: _is_renewed(place.get("Lease", "sluice.dev")["spec"]))
    # It deletes its Secret when that is not needed any more, and the cursor with its resource.
    own_redis = {"secretRef": {"name": "mine"}}
    for kind in ("Relay", "Labeler"):
        place.apply("one", kind=kind, caBundle=bundle, deletionPolicy="DeleteCursor", redis=own_redis)
    eventually(lambda: "sluice-redis-url" not in place.names("Secret"))
    for kind in ("Relay", "Labeler"):
        place.delete(kind, "one")
        eventually(lambda kind=kind: place.names(kind) == [])
    # The Lease is deleted with the last resource.
    eventually(lambda: "sluice.dev" not in place.names("Lease"))


def _is_renewed(lease: Manifest) -> bool:
    return bool(lease["renewTime"] != lease["acquireTime"])


def _assert_exact(requests: list[Request], granted: set[tuple[str, str, str]]) -> None:
    assert not [request for request in requests if not request.is_allowed or request.code == 403]
    used = {right for request in requests for right in request.rights}
    assert granted - used == set(), "granted and never used"
    assert used - granted == set(), "used and granted by whom?"


def _kubeconfig(place: LeaseNamespace, account: str, path: Path) -> Path:
    """The kubeconfig of a service account."""
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    accounts = path_of("ServiceAccount", place.namespace, account)
    answer = place.control_plane.request("POST", f"{accounts}/token", request)
    manifest = yaml.safe_load(place.control_plane.kubeconfig(USER).read_text())
    manifest["users"][0]["user"]["token"] = answer["status"]["token"]
    path.write_text(yaml.safe_dump(manifest))
    return path
