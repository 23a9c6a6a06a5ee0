"""A deletion never hangs, although Redis, a Secret, a node or the operator fails meanwhile."""

import signal
import time
from collections.abc import Callable

import pytest

from sluice_operator.api.deletion import FINALIZER
from tests.integration.operator.conftest import OperatorProcess
from tests.integration.operator.control_plane import OPERATOR, ControlPlane, path_of
from tests.integration.operator.deletion import (
    DELETE_CURSOR,
    WITH_FINALIZER,
    bind_to_node,
    end_pod,
    finalizers,
    is_gone,
    redis_keys,
    without_validation,
)
from tests.integration.operator.faulty_proxy import FaultyProxy
from tests.integration.operator.injected_faults import refuse
from tests.integration.operator.situation import NAME, Situation, eventually
from tests.integration.redis_server import RedisServer

DEADLINE = 3.0
"""Seconds after which the operator gives up to delete a cursor."""
PATIENT = {"SLUICE_DELETION_DEADLINE_SECONDS": "60"}
"""For tests in which the cursor must be deleted: enough time to end the pods on a busy machine."""


@pytest.fixture
def start(own_operator: Callable[..., OperatorProcess], place: Situation) -> Callable[..., OperatorProcess]:
    """Starts an operator that serves only the namespace of `place`, with a short deletion deadline."""

    def start(**environment: str) -> OperatorProcess:
        url = f"redis://:s3cret@127.0.0.1:{place.sink.port}/0"
        settings = {"SLUICE_DEFAULT_REDIS_URL": url, "SLUICE_DELETION_DEADLINE_SECONDS": str(DEADLINE), **environment}
        operator = own_operator(SLUICE_WATCH_NAMESPACES=place.namespace, **settings)
        place.operator = operator
        return operator

    return start


def test_a_resource_created_and_deleted_without_an_operator(
    place: Situation, start: Callable[..., OperatorProcess]
) -> None:
    place.apply_relay(**DELETE_CURSOR)
    place.delete(place.kind, NAME)
    assert is_gone(place)
    start()
    assert place.all("Deployment") == []


def test_redis_does_not_come_back(
    place: Situation, start: Callable[..., OperatorProcess], own_redis: Callable[..., RedisServer]
) -> None:
    server = own_redis()
    operator = start(SLUICE_DEFAULT_REDIS_URL=server.url)
    place.apply_relay(**DELETE_CURSOR)
    eventually(lambda: finalizers(place) == WITH_FINALIZER)
    eventually(place.deployment)
    server.kill()
    began = time.monotonic()
    place.delete(place.kind, NAME)
    eventually(lambda: is_gone(place))
    assert time.monotonic() - began >= DEADLINE - 1
    message = eventually(lambda: place.event_messages("CursorNotDeleted")[0])
    assert "Redis does not delete it" in message
    assert f"redis-cli DEL firehose_live:cursor:{place.host} firehose_live:health:{place.host}" in message
    assert "Traceback" not in operator.log


def test_redis_comes_back_in_time(
    place: Situation, start: Callable[..., OperatorProcess], own_redis: Callable[..., RedisServer]
) -> None:
    server = own_redis()
    start(SLUICE_DEFAULT_REDIS_URL=server.url, **PATIENT)
    place.apply_relay(**DELETE_CURSOR)
    eventually(lambda: finalizers(place) == WITH_FINALIZER)
    server.client.set(place.keys.cursor, "12")
    server.kill()
    place.delete(place.kind, NAME)
    place.wait_condition("Ready", "False", "Terminating")
    server.start()
    eventually(lambda: is_gone(place))
    assert server.client.exists(place.keys.cursor) == 0


def start_behind_proxy(place: Situation, start: Callable[..., OperatorProcess], proxy: FaultyProxy) -> None:
    """Start the operator behind the faulty proxy, and create a source with the policy DeleteCursor."""
    start(KUBECONFIG=str(proxy.kubeconfig(OPERATOR)), **PATIENT)
    place.apply_relay(**DELETE_CURSOR)
    eventually(lambda: finalizers(place) == WITH_FINALIZER)
    eventually(place.deployment)
    place.store(12)


def test_the_deleted_cursor_is_reported_when_the_finalizer_is_removed_at_a_retry(
    place: Situation, start: Callable[..., OperatorProcess], proxy: FaultyProxy
) -> None:
    start_behind_proxy(place, start, proxy)
    with proxy.inject(refuse(500), "patch", "relays", namespace=place.namespace, times=3) as rule:
        place.delete(place.kind, NAME)
        eventually(lambda: is_gone(place))
    assert rule.remaining == 0
    assert place.event_messages("CursorDeleted") == [f"Deleted {place.keys.cursor} in Redis"]


def message(place: Situation) -> str:
    return next(item["message"] for item in place.status()["conditions"] if item["type"] == "Ready")


@pytest.mark.parametrize("policy", ["DeleteCursor", "Retain"])
def test_the_removal_of_the_finalizer_is_refused(
    place: Situation, start: Callable[..., OperatorProcess], proxy: FaultyProxy, policy: str
) -> None:
    """For example an admission policy that requires a label. The operator can only report it."""
    start_behind_proxy(place, start, proxy)
    with proxy.inject(refuse(403), "patch", "relays", namespace=place.namespace):
        place.delete(place.kind, NAME)
        place.patch(place.kind, NAME, {"spec": {"deletionPolicy": policy}})
        eventually(lambda: "refuses to remove the operator's finalizer: a fault" in message(place))
        assert place.condition("Reconciling") == ("True", "Terminating")
        place.wait_reconciled(10)
        counts = [event["count"] for event in place.all("Event") if event["reason"].startswith("Cursor")]
        assert counts in ([1], [] if policy == "Retain" else [1])  # the changed policy may come too late
    eventually(lambda: is_gone(place), seconds=15)


def test_the_secret_is_deleted_first(place: Situation, start: Callable[..., OperatorProcess]) -> None:
    operator = start(**PATIENT)
    place.apply_secret("mine", url=f"redis://:s3cret@127.0.0.1:{place.sink.port}/0")
    place.apply_relay(**DELETE_CURSOR, redis={"secretRef": {"name": "mine"}})
    eventually(place.deployment)
    place.store(12)
    place.delete("Secret", "mine")
    place.wait_reconciled()
    place.delete(place.kind, NAME)
    eventually(lambda: is_gone(place))
    assert redis_keys(place) == set()  # its URL was known

    place.apply_secret("mine", url=f"redis://:s3cret@127.0.0.1:{place.sink.port}/0")
    place.apply_relay(**DELETE_CURSOR, redis={"secretRef": {"name": "mine"}})
    eventually(lambda: finalizers(place) == WITH_FINALIZER)
    place.store(13)
    operator.stop(signal.SIGKILL)
    place.delete("Secret", "mine")
    place.delete(place.kind, NAME)
    start()
    eventually(lambda: is_gone(place))
    assert "There is no Secret mine" in eventually(lambda: place.event_messages("CursorNotDeleted")[0])
    assert place.redis.get(place.keys.cursor) == "13"


def test_a_namespace_is_deleted(place: Situation, start: Callable[..., OperatorProcess]) -> None:
    """Its Secret may be deleted before its Relay, and no Event can be created there any more."""
    operator = start(**PATIENT)
    place.apply_secret("mine", url=f"redis://:s3cret@127.0.0.1:{place.sink.port}/0")
    place.apply_relay(**DELETE_CURSOR, redis={"secretRef": {"name": "mine"}})
    eventually(lambda: place.condition("Ready"))
    place.store(12)
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": place.namespace}}
    place.control_plane.request("DELETE", path_of("Namespace", None, place.namespace))
    eventually(lambda: is_gone(place))
    assert redis_keys(place) == set()
    eventually(lambda: place.control_plane.request("POST", path_of("Namespace", None), namespace))
    assert "Traceback" not in operator.log


def test_a_node_is_lost(place: Situation, start: Callable[..., OperatorProcess]) -> None:
    start()
    place.apply_relay(**DELETE_CURSOR)
    pod = place.stream()
    bind_to_node(place, pod)
    place.delete(place.kind, NAME)
    eventually(lambda: is_gone(place), seconds=DEADLINE + 60)
    assert f"pod {pod['metadata']['name']}" in place.event_messages("CursorNotDeleted")[0]
    assert place.redis.get(place.keys.cursor) == "6322875401"  # an ingester that still runs would write it again
    end_pod(place, pod)


def test_the_operator_is_killed_during_a_deletion(place: Situation, start: Callable[..., OperatorProcess]) -> None:
    operator = start(**PATIENT)
    place.apply_relay(**DELETE_CURSOR)
    pod = place.stream()
    bind_to_node(place, pod)
    place.delete(place.kind, NAME)
    place.wait_condition("Ready", "False", "Terminating")
    operator.stop(signal.SIGKILL)
    end_pod(place, pod)
    eventually(lambda: place.all("Deployment") == [])
    time.sleep(1)
    assert not is_gone(place)
    assert redis_keys(place) != set()
    start(**PATIENT)
    eventually(lambda: is_gone(place))
    assert redis_keys(place) == set()


def test_the_operator_is_down_for_longer_than_the_deadline(
    place: Situation, start: Callable[..., OperatorProcess]
) -> None:
    deadline = 10.0  # seconds; an operator that starts after the deadline gets the same time again
    environment = {"SLUICE_DELETION_DEADLINE_SECONDS": str(deadline)}
    operator = start(**environment)
    place.apply_relay(**DELETE_CURSOR)
    place.stream()
    operator.stop(signal.SIGKILL)
    place.delete(place.kind, NAME)
    time.sleep(deadline + 1)
    assert not is_gone(place)
    start(**environment)
    eventually(lambda: is_gone(place))
    assert redis_keys(place) == set()
    assert not place.event_messages("CursorNotDeleted")


def test_a_resource_with_an_unreadable_spec_can_be_deleted(
    control_plane: ControlPlane, place: Situation, start: Callable[..., OperatorProcess]
) -> None:
    """This happens after an upgrade to a CRD that refuses a value which an older CRD accepted."""
    with without_validation(control_plane, "host"):
        eventually(lambda: place.apply_relay(host="relay.example.com/xrpc", **DELETE_CURSOR) is None)
        place.patch(place.kind, NAME, {"metadata": {"finalizers": [FINALIZER]}})
    start()
    place.wait_condition("Stalled", "True", "InvalidSpec")
    place.delete(place.kind, NAME)
    eventually(lambda: is_gone(place))
    assert "the spec is invalid: spec.host" in eventually(lambda: place.event_messages("CursorNotDeleted")[0])
