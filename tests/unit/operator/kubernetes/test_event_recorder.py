"""Events: what explains has room of its own, and what could not be told is told later. The clock is the test's."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_operator.kubernetes import event_recorder as events_module
from sluice_operator.kubernetes.client import ApiError
from sluice_operator.kubernetes.event_budget import (
    EXPLAINING_BURST,
    MAX_PENDING_PER_REASON,
    REPEAT_COST,
    ROUTINE_BURST,
    ROUTINE_REASONS,
    PendingEvents,
)
from sluice_operator.kubernetes.event_recorder import EventRecorder
from sluice_operator.status.reasons import EventReason
from sluice_operator.status.transitions import Event

SOURCE = {
    "apiVersion": "sluice.dev/v1alpha1",
    "kind": "Relay",
    "metadata": {"name": "us-east", "namespace": "events", "uid": "u1", "resourceVersion": "7"},
}
EXPLAINING = sorted(set(EventReason) - ROUTINE_REASONS)
START = datetime(2026, 11, 24, 12, tzinfo=UTC)


class FakeServer:
    """The API server, as far as Events go."""

    def __init__(self) -> None:
        self.events: dict[str, dict[str, Any]] = {}
        self.error: ApiError | None = None
        self.writes = 0

    async def create(self, _api: object, event: dict[str, Any]) -> dict[str, Any]:
        self._answer()
        self.events[event["metadata"]["name"]] = dict(event)
        return event

    async def merge_patch(
        self, _api: object, _namespace: str, name: str, patch: dict[str, Any], **_: Any
    ) -> dict[str, Any]:
        self._answer()
        self.events[name] |= patch
        return self.events[name]

    def _answer(self) -> None:
        self.writes += 1
        if self.error is not None:
            raise self.error

    def written(self, reason: str) -> list[tuple[str, int]]:
        return [(event["message"], event["count"]) for event in self.events.values() if event["reason"] == reason]


class Clock:
    """In seconds."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def events(server: FakeServer, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> EventRecorder:
    monkeypatch.setattr(events_module, "_RETRY_SECONDS", 0.0)
    return EventRecorder(server, instance="me", clock=clock)  # type: ignore[arg-type]


def event(reason: str, message: str = "words") -> Event:
    return Event(type="Normal" if reason == EventReason.CONNECTED else "Warning", reason=reason, message=message)


@pytest.mark.parametrize("noise", sorted(ROUTINE_REASONS))
async def test_repeats_of_routine_take_no_room_from_what_explains(
    events: EventRecorder, server: FakeServer, noise: str
) -> None:
    for number in range(300):
        await events.record(SOURCE, event(noise, f"in other words {number}"))
    for reason in EXPLAINING:
        await events.record(SOURCE, event(reason))
        assert server.written(reason) == [("words", 1)], reason


@pytest.mark.parametrize("noise", EXPLAINING)
async def test_nor_do_repeats_of_another_explanation(events: EventRecorder, server: FakeServer, noise: str) -> None:
    for number in range(100):
        await events.record(SOURCE, event(noise, f"in other words {number}"))
    for reason in set(EXPLAINING) - {noise}:
        await events.record(SOURCE, event(reason))
        assert server.written(reason) == [("words", 1)], reason


async def test_a_flood_is_bounded_and_its_newest_state_is_told_when_there_is_room(
    events: EventRecorder, server: FakeServer, clock: Clock
) -> None:
    for _ in range(500):
        await events.record(SOURCE, event(EventReason.DISCONNECTED))
        await events.record(SOURCE, event(EventReason.CONNECTED))
    most = ROUTINE_BURST / REPEAT_COST
    assert server.writes <= most
    counted = server.written(EventReason.CONNECTED)[0][1]
    assert counted < 500
    for _ in range(40):
        clock.now += 30
        await events.write_pending(SOURCE)
    # The connection was lost and made again meanwhile: only what holds is told, with how often it was.
    assert server.written(EventReason.CONNECTED)[0][1] > counted
    assert server.written(EventReason.DISCONNECTED)[0][1] <= counted + 1
    before = server.writes
    clock.now += 3600
    await events.write_pending(SOURCE)
    assert server.writes == before


async def test_too_many_explanations_of_one_reason_are_told_later(
    events: EventRecorder, server: FakeServer, clock: Clock
) -> None:
    for number in range(EXPLAINING_BURST * 10):
        await events.record(SOURCE, event(EventReason.EVENTS_LOST, f"range {number}"))
    told = {message for message, _ in server.written(EventReason.EVENTS_LOST)}
    last = f"range {EXPLAINING_BURST * 10 - 1}"
    assert last not in told
    for _ in range(MAX_PENDING_PER_REASON):
        clock.now += 60
        await events.write_pending(SOURCE)
    assert last in {message for message, _ in server.written(EventReason.EVENTS_LOST)}


@pytest.mark.parametrize("code", [0, 403, 422, 429, 500, 503])
async def test_what_the_api_server_did_not_take_is_told_later_with_its_own_time(
    events: EventRecorder, server: FakeServer, clock: Clock, code: int
) -> None:
    server.error = ApiError(code, "", "no")
    await events.record(SOURCE, event(EventReason.STALLED, "mend it"))
    await events.record(SOURCE, event(EventReason.EVENTS_LOST, "a range"))
    assert server.events == {}
    writes = server.writes
    await events.write_pending(SOURCE)
    assert server.writes == writes, "not before a pause is over"
    server.error = None
    clock.now += 120
    await events.write_pending(SOURCE)
    assert server.written(EventReason.STALLED) == [("mend it", 1)]
    assert server.written(EventReason.EVENTS_LOST) == [("a range", 1)]
    writes = server.writes
    clock.now += 120
    await events.write_pending(SOURCE)
    assert server.writes == writes


async def test_what_holds_no_longer_is_not_told_later(events: EventRecorder, server: FakeServer, clock: Clock) -> None:
    server.error = ApiError(0, "", "away")
    await events.record(SOURCE, event(EventReason.NOT_READY, "SourceUnavailable"))
    await events.record(SOURCE, event(EventReason.READY, "streaming"))
    server.error = None
    clock.now += 120
    await events.write_pending(SOURCE)
    assert server.written(EventReason.NOT_READY) == []
    assert server.written(EventReason.READY) == [("streaming", 1)]


async def test_an_event_whose_answer_was_lost_is_told_once(
    events: EventRecorder, server: FakeServer, clock: Clock
) -> None:
    taken = ApiError(409, "AlreadyExists", "it is there")

    class Lost(FakeServer):
        async def create(self, _api: object, event: dict[str, Any]) -> dict[str, Any]:
            is_there = event["metadata"]["name"] in self.events
            self.events.setdefault(event["metadata"]["name"], event)
            raise taken if is_there else ApiError(0, "", "cut off")

    lost = Lost()
    events = EventRecorder(lost, instance="me", clock=clock)  # type: ignore[arg-type]
    await events.record(SOURCE, event(EventReason.STALLED))
    clock.now += 120
    await events.write_pending(SOURCE)
    assert lost.written(EventReason.STALLED) == [("words", 1)]


async def test_nothing_is_kept_of_an_object_that_is_gone(
    events: EventRecorder, server: FakeServer, clock: Clock
) -> None:
    server.error = ApiError(0, "", "away")
    await events.record(SOURCE, event(EventReason.STALLED))
    events.drop_object("u1")
    server.error = None
    clock.now += 120
    await events.write_pending(SOURCE)
    assert server.events == {}


@given(st.lists(st.tuples(st.sampled_from(sorted(EventReason)), st.integers(0, 20)), max_size=200))
def test_what_waits_is_bounded_and_never_contradicts_itself(said: list[tuple[str, int]]) -> None:
    untold = PendingEvents()
    for step, (reason, number) in enumerate(said):
        untold.add(event(reason, str(number)), START + timedelta(seconds=step))
    waiting = [(one.event.reason, one.event.message) for one in untold.in_order()]
    assert len(waiting) == len(set(waiting))
    reasons = [reason for reason, _ in waiting]
    assert all(reasons.count(reason) <= MAX_PENDING_PER_REASON for reason in reasons)
    assert not {EventReason.CONNECTED, EventReason.DISCONNECTED} <= set(reasons)
    assert not {EventReason.STALLED, EventReason.RECOVERED} <= set(reasons)
    is_routine = [reason in ROUTINE_REASONS for reason in reasons]
    assert is_routine == sorted(is_routine), "what explains comes first"
    if said:
        assert said[-1][0] in reasons
