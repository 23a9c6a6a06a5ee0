"""The deletion of a source with its cursor: what it waits for, until when, and what is deleted."""

from typing import Any

import pytest

from sluice_operator.kinds.relay import RELAY
from sluice_operator.kubernetes.errors import ApiError
from tests.unit.operator.reconcile.harness import DEADLINE_SECONDS, KEYS, Situation

RELAYS = RELAY.resource


@pytest.fixture
async def situation() -> Situation:
    """A Relay whose ingester runs and has a cursor."""
    situation = Situation()
    situation.apply(deletionPolicy="DeleteCursor")
    await situation.reconcile()
    situation.run_pod()
    situation.report()
    situation.sink.set(KEYS.cursor, "7")
    situation.sink.xadd(KEYS.entries)
    await situation.reconcile()
    return situation


async def stop(situation: Situation) -> None:
    """Delete the Relay and end its ingester."""
    situation.delete(at=situation.clock.now())
    await situation.reconcile()
    situation.end_pod()
    situation.collect_garbage()


async def test_the_cursor_is_deleted_when_the_ingester_has_ended(situation: Situation) -> None:
    situation.delete(at=situation.clock.now())
    await situation.reconcile()
    assert situation.writes() == ["DELETE deployments", "PATCH relays/status"]
    assert situation.condition("Ready") == ("False", "Terminating")
    assert situation.sink.get(KEYS.cursor) == "7"
    situation.end_pod()
    situation.collect_garbage()
    await situation.reconcile()
    assert situation.relay() is None
    assert situation.sink.keys() == [KEYS.entries]
    assert situation.events("CursorDeleted") == [f"Deleted {KEYS.cursor} in Redis"]
    assert await situation.reconcile() is None


async def test_without_the_policy_the_deletion_does_not_wait(situation: Situation) -> None:
    situation.apply("b", host="other.example", deletionPolicy="Retain")
    await situation.reconcile("b")
    situation.delete("b")
    assert situation.relay("b") is None


async def test_a_change_of_the_policy_during_deletion_keeps_the_cursor(situation: Situation) -> None:
    await stop(situation)
    situation.apply(deletionPolicy="Retain")
    await situation.reconcile()
    assert situation.relay() is None
    assert situation.sink.get(KEYS.cursor) == "7"


async def test_the_cursor_is_deleted_when_redis_returns_before_the_deadline(situation: Situation) -> None:
    await stop(situation)
    situation.sink.problem = "connection refused"
    await situation.reconcile()
    situation.clock.advance(DEADLINE_SECONDS - 1)
    await situation.reconcile()
    assert situation.relay() is not None
    situation.sink.problem = ""
    await situation.reconcile()
    assert situation.relay() is None
    assert situation.sink.get(KEYS.cursor) is None


async def test_after_the_deadline_the_finalizer_is_removed_with_a_warning(situation: Situation) -> None:
    await stop(situation)
    situation.sink.problem = "connection refused"
    await situation.reconcile()
    situation.clock.advance(DEADLINE_SECONDS + 1)
    await situation.reconcile()
    assert situation.relay() is None
    (message,) = situation.events("CursorNotDeleted")
    assert "connection refused" in message
    assert f"redis-cli DEL {KEYS.cursor} {KEYS.health}" in message


async def test_the_deadline_survives_a_restart_of_the_operator(situation: Situation) -> None:
    await stop(situation)
    situation.sink.problem = "connection refused"
    await situation.reconcile()
    situation.clock.advance(DEADLINE_SECONDS + 1)
    situation.start_operator()
    await situation.reconcile()
    assert situation.relay() is not None, "it tries for some seconds of its own"
    situation.clock.advance(11)
    await situation.reconcile()
    assert situation.relay() is None


async def test_the_deletion_waits_for_a_running_ingester_until_the_deadline(situation: Situation) -> None:
    situation.delete(at=situation.clock.now())
    await situation.reconcile()
    situation.collect_garbage()
    situation.clock.advance(DEADLINE_SECONDS + 1)
    await situation.reconcile()
    assert situation.relay() is None
    assert situation.sink.get(KEYS.cursor) == "7", "it might be written again"
    (message,) = situation.events("CursorNotDeleted")
    assert "pod a-firehose-1-x" in message


async def test_a_failed_removal_of_the_finalizer_records_no_second_event(situation: Situation) -> None:
    await stop(situation)
    with situation.server.faults.refuse(503, plural="relays", method="PATCH", subresource=""):
        for _ in range(2):
            with pytest.raises(ApiError):
                await situation.reconcile()
    await situation.reconcile()
    assert situation.relay() is None
    assert situation.event_counts("CursorDeleted") == [1]


async def test_the_cursor_of_an_older_source_is_kept(situation: Situation) -> None:
    situation.apply("b", created=30, deletionPolicy="DeleteCursor")
    await situation.reconcile("b")
    situation.delete("b")
    await situation.reconcile("b")
    situation.collect_garbage()
    await situation.reconcile("b")
    assert situation.relay("b") is None
    assert situation.sink.get(KEYS.cursor) == "7"
    messages = situation.events("CursorDeleted") + situation.events("CursorNotDeleted")
    assert any(f"{KEYS.cursor} is kept: Relay events/a goes on from it" in message for message in messages)


async def test_the_finalizers_of_others_are_named(situation: Situation) -> None:
    def add(relay: dict[str, Any]) -> None:
        relay["metadata"]["finalizers"] = ["example.com/backup"]

    situation.server.edit(RELAYS, "events", "a", add)
    situation.delete()
    await situation.reconcile()
    message = next(item["message"] for item in situation.status()["conditions"] if item["type"] == "Ready")
    assert "example.com/backup" in message
