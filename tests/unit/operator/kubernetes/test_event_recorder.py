"""The event recorder: problems have budgets of their own, and failed writes are repeated later."""

import asyncio
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_operator.kubernetes.api_resource import EVENTS
from sluice_operator.kubernetes.event import Event
from sluice_operator.kubernetes.event_budget import (
    EXPLAINING_BURST,
    MAX_PENDING_PER_REASON,
    REPEAT_COST,
    ROUTINE_BURST,
    PendingEvents,
)
from sluice_operator.kubernetes.event_recorder import EventRecorder
from sluice_operator.status.event_reasons import EVENT_REASONS, EventReason
from tests.fakes.api_server import FakeApiServer
from tests.fakes.clock import START
from tests.fakes.virtual_time import VirtualClock

SOURCE = {
    "apiVersion": "sluice.dev/v1alpha1",
    "kind": "Relay",
    "metadata": {"name": "us-east", "namespace": "events", "uid": "u1", "resourceVersion": "7"},
}
EXPLAINING = sorted(set(EventReason) - EVENT_REASONS.routine)


@pytest.fixture
def server() -> FakeApiServer:
    return FakeApiServer()


@pytest.fixture
def recorder(server: FakeApiServer) -> EventRecorder:
    return EventRecorder(server.client, reasons=EVENT_REASONS, instance="me", clock=VirtualClock())


def event(reason: str, message: str = "words") -> Event:
    return Event(type="Normal" if reason == EventReason.CONNECTED else "Warning", reason=reason, message=message)


def written(server: FakeApiServer, reason: str) -> list[tuple[str, int]]:
    return [(one["message"], one["count"]) for one in server.all(EVENTS) if one["reason"] == reason]


@pytest.mark.parametrize("repeated", sorted(EVENT_REASONS.routine))
async def test_repeats_of_a_routine_event_leave_room_for_problems(
    recorder: EventRecorder, server: FakeApiServer, repeated: str
) -> None:
    for number in range(300):
        await recorder.record(SOURCE, event(repeated, f"in other words {number}"))
    for reason in EXPLAINING:
        await recorder.record(SOURCE, event(reason))
        assert written(server, reason) == [("words", 1)], reason


@pytest.mark.parametrize("repeated", EXPLAINING)
async def test_repeats_of_one_problem_leave_room_for_the_others(
    recorder: EventRecorder, server: FakeApiServer, repeated: str
) -> None:
    for number in range(100):
        await recorder.record(SOURCE, event(repeated, f"in other words {number}"))
    for reason in set(EXPLAINING) - {repeated}:
        await recorder.record(SOURCE, event(reason))
        assert written(server, reason) == [("words", 1)], reason


async def test_a_flood_is_limited_and_its_newest_state_is_written_later(
    recorder: EventRecorder, server: FakeApiServer
) -> None:
    for _ in range(500):
        await recorder.record(SOURCE, event(EventReason.DISCONNECTED))
        await recorder.record(SOURCE, event(EventReason.CONNECTED))
    assert len(server.writes) <= ROUTINE_BURST / REPEAT_COST
    counted = written(server, EventReason.CONNECTED)[0][1]
    assert counted < 500
    for _ in range(40):
        await asyncio.sleep(30)
        await recorder.write_pending(SOURCE)
    # After many reconnects only the newest state is written, with its count.
    assert written(server, EventReason.CONNECTED)[0][1] > counted
    assert written(server, EventReason.DISCONNECTED)[0][1] <= counted + 1
    before = len(server.writes)
    await asyncio.sleep(3600)
    await recorder.write_pending(SOURCE)
    assert len(server.writes) == before


async def test_events_above_the_budget_of_a_reason_are_written_later(
    recorder: EventRecorder, server: FakeApiServer
) -> None:
    for number in range(EXPLAINING_BURST * 10):
        await recorder.record(SOURCE, event(EventReason.EVENTS_LOST, f"range {number}"))
    last = f"range {EXPLAINING_BURST * 10 - 1}"
    assert last not in {message for message, _ in written(server, EventReason.EVENTS_LOST)}
    for _ in range(MAX_PENDING_PER_REASON):
        await asyncio.sleep(60)
        await recorder.write_pending(SOURCE)
    assert last in {message for message, _ in written(server, EventReason.EVENTS_LOST)}


def failing(server: FakeApiServer, code: int) -> AbstractContextManager[object]:
    return server.faults.refuse(code) if code else server.faults.outage()


@pytest.mark.parametrize("code", [0, 403, 422, 429, 500, 503])
async def test_a_failed_event_is_written_later_with_its_original_time(
    recorder: EventRecorder, server: FakeApiServer, code: int
) -> None:
    with failing(server, code):
        await recorder.record(SOURCE, event(EventReason.STALLED, "fix it"))
        await recorder.record(SOURCE, event(EventReason.EVENTS_LOST, "a range"))
        assert server.all(EVENTS) == []
        attempts = len(server.writes)
        await recorder.write_pending(SOURCE)
        assert len(server.writes) == attempts, "not before the back-off is over"
    await asyncio.sleep(120)
    await recorder.write_pending(SOURCE)
    assert written(server, EventReason.STALLED) == [("fix it", 1)]
    assert written(server, EventReason.EVENTS_LOST) == [("a range", 1)]
    assert {one["lastTimestamp"][:16] for one in server.all(EVENTS)} == {"2026-11-24T12:00"}
    attempts = len(server.writes)
    await asyncio.sleep(120)
    await recorder.write_pending(SOURCE)
    assert len(server.writes) == attempts


async def test_a_failed_event_that_is_outdated_is_not_written_later(
    recorder: EventRecorder, server: FakeApiServer
) -> None:
    with server.faults.outage():
        await recorder.record(SOURCE, event(EventReason.NOT_READY, "SourceUnavailable"))
        await recorder.record(SOURCE, event(EventReason.READY, "streaming"))
    await asyncio.sleep(120)
    await recorder.write_pending(SOURCE)
    assert written(server, EventReason.NOT_READY) == []
    assert written(server, EventReason.READY) == [("streaming", 1)]


async def test_an_event_whose_answer_was_lost_is_written_once(recorder: EventRecorder, server: FakeApiServer) -> None:
    with server.faults.lose_answers(method="POST"):
        await recorder.record(SOURCE, event(EventReason.STALLED))
    await asyncio.sleep(120)
    await recorder.write_pending(SOURCE)
    assert written(server, EventReason.STALLED) == [("words", 1)]
    assert {request.name or request.key.name for request in server.writes} == {
        server.all(EVENTS)[0]["metadata"]["name"]
    }


async def test_an_event_deleted_on_the_api_server_is_created_again(
    recorder: EventRecorder, server: FakeApiServer
) -> None:
    await recorder.record(SOURCE, event(EventReason.STALLED))
    metadata = server.all(EVENTS)[0]["metadata"]
    server.delete(EVENTS, metadata["namespace"], metadata["name"])
    await recorder.record(SOURCE, event(EventReason.STALLED))
    assert written(server, EventReason.STALLED) == [("words", 1)]


async def test_events_of_a_deleted_object_are_dropped(recorder: EventRecorder, server: FakeApiServer) -> None:
    with server.faults.outage():
        await recorder.record(SOURCE, event(EventReason.STALLED))
    recorder.drop_object("u1")
    await asyncio.sleep(120)
    await recorder.write_pending(SOURCE)
    assert server.all(EVENTS) == []


@given(st.lists(st.tuples(st.sampled_from(sorted(EventReason)), st.integers(0, 20)), max_size=200))
def test_pending_events_are_limited_and_do_not_contradict_each_other(added: list[tuple[str, int]]) -> None:
    pending = PendingEvents(EVENT_REASONS)
    for step, (reason, number) in enumerate(added):
        pending.add(event(reason, str(number)), START + timedelta(seconds=step))
    events = [(one.event.reason, one.event.message) for one in pending.in_order()]
    assert len(events) == len(set(events))
    reasons = [reason for reason, _ in events]
    assert all(reasons.count(reason) <= MAX_PENDING_PER_REASON for reason in reasons)
    assert not {EventReason.CONNECTED, EventReason.DISCONNECTED} <= set(reasons)
    assert not {EventReason.STALLED, EventReason.RECOVERED} <= set(reasons)
    is_routine = [reason in EVENT_REASONS.routine for reason in reasons]
    assert is_routine == sorted(is_routine), "problems come first"
    if added:
        assert added[-1][0] in reasons
