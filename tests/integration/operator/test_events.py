"""Events on a real API server: one for each transition, and few for a source that flaps."""

import time
from collections.abc import Callable
from typing import Any

from sluice_redis.contract import HealthField, SourceState
from tests.integration.operator.conftest import OperatorProcess
from tests.integration.operator.situation import OOM, Situation, eventually
from tests.integration.redis_server import RedisServer

Start = Callable[..., OperatorProcess]


def events_of(place: Situation, *reasons: str) -> list[Any]:
    found = place.all("Event", query="?fieldSelector=involvedObject.kind=Relay")
    return [event for event in found if event["reason"] in reasons]


def counts(place: Situation, reason: str) -> list[int]:
    return [event["count"] for event in events_of(place, reason)]


def flap(place: Situation, pod: Any, message: str) -> None:
    place.report(SourceState.WAITING, "ConnectionLost", message, pod=pod)
    place.wait_condition("Connected", "False", "ConnectionLost")
    place.report(SourceState.STREAMING, pod=pod)
    place.wait_condition("Connected", "True", "Streaming")


def test_a_source_that_flaps_increases_the_count_of_few_events(place: Situation, start: Start) -> None:
    operator = start()
    place.apply_relay()
    pod = place.stream()
    for number in range(6):
        flap(place, pod, f"the source closed the connection for the {number // 2}. time")
    eventually(lambda: counts(place, "Connected") == [7])
    assert sorted(counts(place, "Disconnected")) == [2, 2, 2]
    for number in range(3):
        flap(place, pod, f"in other words {number}")
    eventually(lambda: counts(place, "Connected") == [10])
    assert sorted(counts(place, "Disconnected")) == [1, 2, 2, 2, 2]
    assert "in other words 2" in {event["message"] for event in events_of(place, "Disconnected")}

    events = {event["metadata"]["uid"]: event["metadata"]["resourceVersion"] for event in place.all("Event")}
    operator.stop()
    start()
    place.wait_reconciled()
    place.report(SourceState.STREAMING, pod=pod)
    assert events == {event["metadata"]["uid"]: event["metadata"]["resourceVersion"] for event in place.all("Event")}
    flap(place, pod, "after the restart")
    eventually(lambda: "after the restart" in {event["message"] for event in events_of(place, "Disconnected")})


def test_an_unobserved_connection_is_reported_again_only_if_it_is_another_one(
    place: Situation, start: Start, own_redis: Callable[..., RedisServer]
) -> None:
    place.sink = own_redis(requirepass="s3cret", appendonly="yes", appendfsync="always")
    operator = start()
    place.apply_relay()
    pod = place.stream()
    eventually(lambda: counts(place, "Connected") == [1])
    since = place.status()["firehose"]["connectedSince"]

    def wait_reconnected(*, reconnects: int) -> None:
        place.wait_condition("Connected", "Unknown", "SinkUnreachable")
        place.sink.start()
        place.report(SourceState.STREAMING, pod=pod, reconnects=reconnects)
        place.wait_condition("Connected", "True", "Streaming")

    place.sink.kill()
    wait_reconnected(reconnects=0)
    eventually(lambda: events_of(place, "BackpressureOff"))  # this Event follows that of the connection
    assert counts(place, "Connected") == [1]

    place.sink.kill()
    place.wait_condition("Connected", "Unknown", "SinkUnreachable")
    operator.stop()
    start()
    wait_reconnected(reconnects=0)
    # An operator does not increase the count of an Event of its predecessor.
    eventually(lambda: len(events_of(place, "BackpressureOff")) == 2)
    assert counts(place, "Connected") == [1]
    assert place.status()["firehose"]["connectedSince"] == since

    place.sink.kill()
    wait_reconnected(reconnects=1)
    eventually(lambda: len(events_of(place, "Connected")) == 2)
    assert not events_of(place, "Disconnected")


def test_an_image_that_can_not_be_pulled_is_reported_at_once_and_once(place: Situation, start: Start) -> None:
    start()
    place.apply_relay(image="nowhere.example/sluice:0")
    pod = place.pod()
    for _ in range(2):
        for reason, message in (("ErrImagePull", "not found"), ("ImagePullBackOff", "Back-off pulling image")):
            place.set_container(pod, waiting={"reason": reason, "message": message})
            eventually(lambda: counts(place, "ImagePullFailed"))
            time.sleep(1)
    assert counts(place, "ImagePullFailed") == [1]
    assert "The image nowhere.example/sluice:0 can't be pulled" in events_of(place, "ImagePullFailed")[0]["message"]
    assert place.condition("Stalled") is None


def test_out_of_memory_is_distinguished_from_a_crash(place: Situation, start: Start) -> None:
    start()
    place.apply_relay()
    place.stream()
    place.run_pod(restarts=1, last=OOM)
    eventually(lambda: counts(place, "OOMKilled") == [1])
    place.run_pod(restarts=2, last={**OOM, "reason": "Error"})
    eventually(lambda: counts(place, "Restarted") == [1])
    place.run_pod(restarts=3, last=OOM)
    eventually(lambda: counts(place, "OOMKilled") == [2])
    restarts = place.status()["restarts"]
    assert (restarts["count"], restarts["inWindow"], restarts["lastReason"]) == (3, 3, "OOMKilled")
    assert len(restarts["recentTimes"]) == 3


def test_fencing_is_reported_and_counted_across_restarts_of_the_operator(place: Situation, start: Start) -> None:
    operator = start()
    place.apply_relay()
    place.stream()
    place.redis.hset(place.keys.health, HealthField.FENCED, "1")
    eventually(lambda: counts(place, "Fenced") == [1])
    assert place.status()["firehose"]["fenced"] == 1

    operator.stop()
    place.redis.hset(place.keys.health, HealthField.FENCED, "2")  # while no operator runs
    start()
    eventually(lambda: place.status()["firehose"]["fenced"] == 2)
    eventually(lambda: counts(place, "Fenced") == [1, 1])

    place.report(SourceState.STREAMING, pod=place.run_pod(restarts=1, last=OOM))  # the new ingester counts from zero
    place.redis.hset(place.keys.health, HealthField.FENCED, "1")
    eventually(lambda: place.status()["firehose"]["fenced"] == 3)
