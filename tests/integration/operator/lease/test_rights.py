"""The chart's rights are exactly those that are used: all that the operator does, once, by its requests."""

import secrets
from collections.abc import Callable

from tests.integration.operator.conftest import OperatorProcess
from tests.integration.operator.lease.candidates import Place, leads
from tests.integration.operator.rights import flat, lease_rules, rules
from tests.integration.operator.situation import eventually

USER = "first"


def test_no_right_is_missed_and_none_is_too_many(place: Place, candidate: Callable[..., OperatorProcess]) -> None:
    log, operator = place.control_plane.audit.from_now(), candidate(USER)
    operator.start()
    eventually(lambda: leads(operator))
    metadata = {"name": "private-ca", "namespace": place.namespace}
    place.control_plane.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {}})
    place.apply_secret("mine", url=f"redis://:s3cret@127.0.0.1:{place.sink.port}/0")
    bundle = {"configMapRef": {"name": "private-ca"}}
    for kind in ("Relay", "Labeler"):
        place.apply("one", kind=kind, caBundle=bundle, deletionPolicy="DeleteCursor")
        eventually(lambda kind=kind: place.get(kind, "one")["metadata"]["finalizers"])
    eventually(lambda: place.get("Secret", "one-redis"))

    # It puts back what somebody changes, and tells so again and again.
    for replicas in (2, 3):
        place.patch("Deployment", "one-firehose", {"spec": {"replicas": replicas}})
        eventually(lambda: place.get("Deployment", "one-firehose")["spec"]["replicas"] == 1)
    # A Secret of its own that is wanted no longer goes, and so does a resource with its cursor.
    place.apply("one", caBundle=bundle, deletionPolicy="DeleteCursor", redis={"secretRef": {"name": "mine"}})
    eventually(lambda: "one-redis" not in place.names("Secret"))
    for kind in ("Relay", "Labeler"):
        place.delete(kind, "one")
        eventually(lambda kind=kind: place.names(kind) == [], seconds=30)
    assert operator.stop() == 0

    asked = log.requests(USER)
    assert not [request for request in asked if not request.is_allowed or request.code == 403]
    used = {right for request in asked for right in request.rights}
    granted = flat(rules()) | flat(lease_rules())
    assert granted - used == set(), "granted and never used"
    assert used - granted == set(), "used and granted by whom?"


def test_nothing_is_granted_outside_its_namespace(place: Place, candidate: Callable[..., OperatorProcess]) -> None:
    candidate(USER).start()
    other = Place(place.control_plane, f"test-{secrets.token_hex(3)}", place.sink)
    try:
        log = place.control_plane.audit.from_now()
        other.apply("one")
        place.apply("one")
        eventually(lambda: place.get("Deployment", "one-firehose"))
        assert other.names("Deployment") == []
        assert {request.namespace for request in log.requests(USER)} == {place.namespace}
    finally:
        other.remove()
