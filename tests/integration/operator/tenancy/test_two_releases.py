"""Two releases watch the same namespaces, each with its own default Redis: one of them serves each namespace."""

import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime

from tests.integration.operator.conftest import OperatorProcess
from tests.integration.operator.control_plane import OPERATOR, ControlPlane, path_of
from tests.integration.operator.faulty_proxy import FaultyProxy
from tests.integration.operator.injected_faults import never_answer
from tests.integration.operator.rights import rules
from tests.integration.operator.situation import eventually
from tests.integration.operator.tenancy.releases import FIRST, LEASE, SECOND, SPEED, TAKEOVER_SECONDS, Namespace

Make = Callable[[], Namespace]
Release = Callable[..., OperatorProcess]


def is_set_up(place: Namespace, user: str) -> None:
    """Wait until that release has created the children of the Relay."""
    eventually(lambda: place.default_redis() == user)
    eventually(place.deployment)


def test_the_second_release_writes_nothing_and_names_the_release_that_serves(
    control_plane: ControlPlane, namespace: Make, release: Release
) -> None:
    place, own = namespace(), namespace()
    log = control_plane.audit.from_now()
    first, second = release(FIRST, place), release(SECOND, place, own)
    first.start()
    place.apply_relay()
    is_set_up(place, FIRST)
    assert place.holder() == "first-system/sluice-operator"
    second.start()
    eventually(lambda: place.is_served(second, served=False))
    own.apply_relay()
    is_set_up(own, SECOND)
    place.edit(batch={"size": 77})
    eventually(lambda: "77" in str(place.template()))
    eventually(lambda: len(place.lease_requests(log, SECOND)) >= 3)

    assert place.writes(log, FIRST)
    assert place.writes(log, SECOND) == []
    assert {request.verb for request in place.lease_requests(log, SECOND)} == {"get"}
    assert place.default_redis() == FIRST
    lines = [line for line in second.log.splitlines() if "served by another release" in line]
    assert len(lines) == 1
    assert f"namespace {place.namespace} is served by another release, first-system/sluice-operator" in lines[0]
    assert "watchNamespaces" in lines[0]
    code, text = second.get("readyz")
    assert code == 200
    assert f"ready, but namespace {place.namespace} is served by another release" in text
    assert place.is_served(first, served=True)
    assert own.is_served(second, served=True)
    metrics = second.get("metrics")[1].splitlines()
    assert not [line for line in metrics if place.namespace in line and line.startswith("sluice_resource_")]
    assert first.stop() == second.stop() == 0


def test_a_release_without_a_namespace_is_not_ready_and_takes_over_when_the_other_stops(
    control_plane: ControlPlane, namespace: Make, release: Release
) -> None:
    namespaces = [namespace() for _ in range(3)]
    log = control_plane.audit.from_now()
    first, second = release(FIRST, *namespaces, speed=1), release(SECOND, *namespaces, speed=1)
    first.start()
    for place in namespaces:
        place.apply_relay()
        is_set_up(place, FIRST)
    second.start(ready=False)
    eventually(lambda: second.get("readyz")[1].count("is served by another release") == len(namespaces))
    assert second.get("readyz")[0] == 503
    assert second.get("livez")[0] == 200
    assert first.stop() == 0
    for place in namespaces:
        # Taking over an expired Lease would take longer.
        eventually(lambda place=place: place.default_redis() == SECOND, seconds=45)
        assert place.holder() == "second-system/sluice-operator"
        last = max(request.received for request in place.writes(log, FIRST))
        assert all(request.received > last for request in place.writes(log, SECOND))
    eventually(lambda: second.get("readyz") == (200, "ready\n"))


def test_the_namespaces_of_a_killed_release_are_taken_over_after_a_minute(
    control_plane: ControlPlane, namespace: Make, release: Release
) -> None:
    place = namespace()
    first, second = release(FIRST, place), release(SECOND, place)
    first.start()
    place.apply_relay()
    is_set_up(place, FIRST)
    second.start(ready=False)
    eventually(lambda: "served by another release" in second.log)
    log, since = control_plane.audit.from_now(), datetime.now(UTC)
    first.stop(signal.SIGKILL)
    eventually(lambda: place.default_redis() == SECOND, seconds=TAKEOVER_SECONDS)
    # The Lease was renewed at most 20 s before.
    assert (min(request.received for request in place.writes(log, SECOND)) - since).total_seconds() * SPEED > 35
    # The first release starts again, and does not get the namespace.
    log = control_plane.audit.from_now()
    first.start(ready=False)
    eventually(lambda: "second-system/sluice-operator" in first.get("readyz")[1])
    place.edit(batch={"size": 78})
    eventually(lambda: "78" in str(place.template()))
    assert place.writes(log, FIRST) == []


def test_a_release_that_was_frozen_for_long_writes_nothing_more(
    control_plane: ControlPlane, namespace: Make, release: Release
) -> None:
    place = namespace()
    first, second = release(FIRST, place), release(SECOND, place)
    first.start()
    place.apply_relay()
    is_set_up(place, FIRST)
    second.start(ready=False)
    eventually(lambda: "served by another release" in second.log)
    first.send(signal.SIGSTOP)
    eventually(lambda: place.default_redis() == SECOND, seconds=TAKEOVER_SECONDS)
    log = control_plane.audit.from_now()
    place.edit(batch={"size": 79})
    first.send(signal.SIGCONT)
    eventually(lambda: "79" in str(place.template()))
    # An event loop that was blocked for so long ends the process. If not, it sees the new holder.
    eventually(lambda: first.returncode is not None or len(place.lease_requests(log, FIRST)) >= 2)
    assert place.writes(log, FIRST) == []
    assert not [request for request in place.lease_requests(log, FIRST) if request.is_write and request.code < 400]
    assert place.default_redis() == SECOND


def test_a_restarted_release_continues_at_once(namespace: Make, release: Release) -> None:
    place = namespace()
    first = release(FIRST, place, speed=1)
    first.start()
    place.apply_relay()
    is_set_up(place, FIRST)
    for ending in (signal.SIGKILL, signal.SIGTERM):
        first.stop(ending)
        first.start()
        place.edit(batch={"size": 80 + ending})
        # Long before the Lease of the former process expires.
        eventually(lambda ending=ending: str(80 + ending) in str(place.template()), seconds=40)
    assert "served by another release" not in first.log


def test_the_lease_is_deleted_with_the_last_resource(namespace: Make, release: Release) -> None:
    place, staying = namespace(), namespace()
    first = release(FIRST, place, staying)
    first.start()
    for one in (place, staying):
        one.apply_relay()
        is_set_up(one, FIRST)
    place.delete("Relay", "us-east")
    eventually(lambda: place.lease() is None)
    staying.delete("Relay", "us-east")
    eventually(lambda: staying.names("Relay") == [] and not staying.is_served(first, served=False))
    assert first.stop() == 0
    assert staying.lease() is None


def test_a_person_may_delete_or_empty_the_lease(control_plane: ControlPlane, namespace: Make, release: Release) -> None:
    place = namespace()
    first, second = release(FIRST, place), release(SECOND, place)
    first.start()
    place.apply_relay()
    is_set_up(place, FIRST)
    second.start(ready=False)
    eventually(lambda: "served by another release" in second.log)
    log = control_plane.audit.from_now()
    place.delete("Lease", LEASE)
    eventually(lambda: place.holder() == "first-system/sluice-operator")
    place.patch("Lease", LEASE, {"spec": {"holderIdentity": ""}})
    eventually(lambda: place.holder() == "first-system/sluice-operator")
    place.edit(batch={"size": 81})
    eventually(lambda: "81" in str(place.template()))
    assert place.writes(log, SECOND) == []


def test_a_release_whose_lease_is_changed_by_hand_stops_writing(
    control_plane: ControlPlane, namespace: Make, release: Release
) -> None:
    place, other = namespace(), namespace()
    first = release(FIRST, place, other)
    first.start()
    for one in (place, other):
        one.apply_relay()
        is_set_up(one, FIRST)
    place.patch("Lease", LEASE, {"spec": {"holderIdentity": "somebody"}})
    eventually(lambda: place.is_served(first, served=False))
    log = control_plane.audit.from_now()
    place.edit(batch={"size": 82})
    other.edit(batch={"size": 82})
    eventually(lambda: "82" in str(other.template()))
    time.sleep(2)
    assert place.writes(log, FIRST) == []


def test_a_release_without_answers_about_its_lease_stops_writing_before_another_takes_it(
    control_plane: ControlPlane, namespace: Make, release: Release, proxy: FaultyProxy
) -> None:
    """The first release could still write: only its requests for Leases get no answer."""
    place = namespace()
    first, second = release(FIRST, place, proxy=proxy), release(SECOND, place)
    first.start()
    place.apply_relay()
    is_set_up(place, FIRST)
    second.start(ready=False)
    eventually(lambda: "served by another release" in second.log)
    log = control_plane.audit.from_now()
    with proxy.inject(never_answer, resource="leases", namespace=place.namespace):
        for number in range(1000):
            place.edit(batch={"size": 100 + number})
            if place.writes(log, SECOND):
                break
            time.sleep(0.3)
        first_writes = place.writes(log, FIRST)
        begun = min(request.received for request in place.writes(log, SECOND))
        assert first_writes
        assert all(request.received < begun for request in first_writes)


def test_resources_of_a_namespace_that_is_being_deleted_are_deleted(
    control_plane: ControlPlane, namespace: Make, release: Release
) -> None:
    """No Lease can be created there any more, also not by an operator that starts just then.

    The operator has rights in the whole cluster, since Roles are deleted with their namespace.
    """
    place, late = namespace(), namespace()
    operator = release(OPERATOR, place, late, SLUICE_DELETION_DEADLINE_SECONDS="2")
    operator.start()
    for one in (place, late):
        one.apply_relay(deletionPolicy="DeleteCursor")
        is_set_up(one, OPERATOR)
        eventually(lambda one=one: one.relay()["metadata"]["finalizers"])
    operator.stop(signal.SIGKILL)
    control_plane.request("DELETE", path_of("Namespace", None, late.namespace))
    eventually(lambda: late.lease() is None)
    operator.start()
    control_plane.request("DELETE", path_of("Namespace", None, place.namespace))
    for one in (late, place):
        eventually(lambda one=one: one.names("Relay") == [], seconds=TAKEOVER_SECONDS)
    assert "is not served until" not in operator.log


def test_a_namespace_without_the_right_to_leases_is_reported_and_the_others_are_served(
    namespace: Make, release: Release
) -> None:
    place, old = namespace(), namespace()
    old.grant([rule for rule in rules() if rule["resources"] != ["leases"]])
    first = release(FIRST, place, old)
    first.start()
    for one in (old, place):
        one.apply_relay()
    is_set_up(place, FIRST)
    eventually(lambda: old.is_served(first, served=False))
    assert old.names("Deployment", "Secret") == []
    lines = [line for line in first.log.splitlines() if f"namespace {old.namespace} is not served until" in line]
    assert len(lines) == 1
    assert 'cannot get resource "leases"' in lines[0]
    old.grant()
    is_set_up(old, FIRST)
    eventually(lambda: old.is_served(first, served=True))
