"""Transitions of the status: the Events that they record, and which ones are written at once."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sluice_operator.api.health import LabelerHealthSpec
from sluice_operator.api.relay import RelayStatus
from sluice_operator.observed.facts.facts import Facts
from sluice_operator.observed.facts.health import CursorResetFacts, GapFacts
from sluice_operator.observed.facts.redis import SinkReadFailure
from sluice_operator.observed.facts.redis_secret import SecretFacts
from sluice_operator.status.source_status import invalid_spec_status
from sluice_operator.status.transitions import is_unchanged, is_urgent, transition_events
from sluice_redis.contract import SourceState
from tests.unit.operator.status.situations import (
    after,
    ago,
    ended,
    facts,
    failed_sink,
    group,
    health,
    pod,
    reporting,
    sink,
    source_status,
    stream,
    waiting_pod,
)

MINUTE_AGO = facts(now=ago(60))
LOST = facts(sink=reporting(SourceState.WAITING, "ConnectionLost", "the source closed the connection"))
FULL = facts(sink=reporting(SourceState.BACKPRESSURE, "HighWaterMark", "the stream is full"))
DOWN = facts(sink=failed_sink(SinkReadFailure.UNREACHABLE))
NO_SECRET = facts(secret=SecretFacts(problem="There is no Secret redis"), sink=None)
SILENT = facts(sink=sink(health=health(silent_seconds=31.0)))
CONNECTING = facts(sink=reporting(SourceState.CONNECTING))
RECONNECTED = facts(sink=sink(health=health(reconnects=1)))
CONNECTED_AND_BACK = [("Normal", "Connected"), ("Normal", "BackpressureOff")]
OOM = facts(pods=(pod(restart_count=1, last_termination=ended("OOMKilled", 137)),))
CRASH = facts(pods=(pod(restart_count=1, last_termination=ended("Error", 1)),))
KILLED = facts(pods=(pod(restart_count=1, last_termination=ended("Error", 137)),))
NO_IMAGE = facts(pods=(waiting_pod("ErrImagePull", age=5),))
YOUNG = pod(running_since=ago(12))
RESTARTED = facts(pods=(pod(running_since=ago(2), restart_count=1, last_termination=ended()),))
GAP = GapFacts(from_seq="8", to_seq="12", from_time=None, to_time=ago(5), at=ago(6), reason="OutdatedCursor")
OPEN_GAP = replace(GAP, to_seq=None, to_time=None)
RESET = CursorResetFacts(nonce="n1", before="6322875501", after="12", at=ago(5))


def fenced(times: int, **changes: Any) -> Facts:
    return facts(sink=sink(health=health(fenced=times, **changes)))


def lost(gap: GapFacts) -> Facts:
    return facts(sink=sink(health=health(gap=gap)))


def events(*past: Facts, now: Facts) -> list[tuple[str, str]]:
    before = RelayStatus.model_validate(after(*past).dump())  # read back as after a restart of the operator
    return [(item.type, item.reason) for item in transition_events(before, source_status([now], before))]


def test_a_second_reconcile_changes_nothing() -> None:
    before = after(MINUTE_AGO, facts(now=ago(3)))
    status = source_status([facts()], before)
    assert status != before
    assert is_unchanged(before, status)
    assert not is_urgent(before, status)
    assert transition_events(before, status) == []


def test_a_status_read_from_the_api_server_equals_the_written_one() -> None:
    before = after(MINUTE_AGO, facts(now=ago(3)))
    read = RelayStatus.model_validate(before.dump())
    assert is_unchanged(read, source_status([facts()], read))


def test_changed_numbers_are_not_urgent() -> None:
    before = after(facts(now=ago(3)))
    moved = facts(sink=sink(cursor="6322875999", length=2000, health=health(seq="6322875999")))
    status = source_status([moved], before)
    assert not is_unchanged(before, status)
    assert not is_urgent(before, status)


def test_first_numbers_are_urgent() -> None:
    """Otherwise the kubectl table of a new source would be empty until the next interval."""
    nothing = health(seq=None, event_time=None, stored=None, rate=None)
    connected = after(facts(now=ago(9), sink=sink(cursor=None, health=nothing)))
    stored = facts(now=ago(6), sink=sink(health=health(rate=None)))
    first = source_status([stored], connected)
    assert is_urgent(connected, first)
    rated = source_status([facts(now=ago(3))], first)
    assert is_urgent(first, rated)
    assert not is_urgent(rated, source_status([facts()], rated))


@pytest.mark.parametrize(
    "now",
    [
        LOST,
        FULL,
        DOWN,
        facts(generation=3),
        facts(pods=(pod(restart_count=1, last_termination=ended()),)),
        facts(host="other.example"),
        fenced(1),
    ],
    ids=["disconnected", "full", "redis down", "generation", "restart", "host", "fenced"],
)
def test_urgent_changes(now: Facts) -> None:
    before = after(MINUTE_AGO)
    assert is_urgent(before, source_status([now], before))


EVENTS = [
    (
        "first connection",
        (facts(now=ago(9), sink=sink(health=None)),),
        facts(),
        [("Normal", "Connected"), ("Normal", "Ready")],
    ),
    ("disconnected", (MINUTE_AGO,), LOST, [("Warning", "Disconnected")]),
    ("connected again", (MINUTE_AGO, replace(LOST, now=ago(5))), facts(), [("Normal", "Connected")]),
    ("disconnected for long", (facts(now=ago(900)), replace(LOST, now=ago(301))), LOST, [("Warning", "NotReady")]),
    (
        "still disconnected for long",
        (facts(now=ago(900)), replace(LOST, now=ago(400)), replace(LOST, now=ago(50))),
        LOST,
        [],
    ),
    (
        "never connected",
        (facts(now=ago(400), sink=sink(health=None)), replace(LOST, now=ago(390)), replace(LOST, now=ago(100))),
        LOST,
        [("Warning", "NotReady")],
    ),
    (
        "not connected yet",
        (facts(now=ago(9), pods=(YOUNG,), sink=sink(health=None)),),
        facts(pods=(YOUNG,), sink=reporting(SourceState.WAITING, "NameUnknown", "no such name", started=ago(11))),
        [],
    ),
    (
        "disconnected while Redis was unavailable",
        (MINUTE_AGO, replace(DOWN, now=ago(5))),
        LOST,
        [
            ("Warning", "Disconnected"),
            ("Normal", "BackpressureOff"),
        ],
    ),
    (
        "disconnected while Redis was full",
        (MINUTE_AGO, replace(FULL, now=ago(5))),
        LOST,
        [
            ("Warning", "Disconnected"),
            ("Normal", "BackpressureOff"),
        ],
    ),
    (
        "not observed in one reconcile",
        (MINUTE_AGO, replace(DOWN, now=ago(5))),
        facts(),
        [("Normal", "BackpressureOff")],
    ),
    (
        "without its Secret in one reconcile",
        (MINUTE_AGO, replace(NO_SECRET, now=ago(5))),
        facts(),
        [("Normal", "Ready")],
    ),
    ("without reports for a while", (MINUTE_AGO, replace(SILENT, now=ago(5))), facts(), [("Normal", "Ready")]),
    (
        "reconnected while Redis was unavailable",
        (MINUTE_AGO, replace(DOWN, now=ago(5))),
        RECONNECTED,
        CONNECTED_AND_BACK,
    ),
    ("reconnected while Redis was full", (MINUTE_AGO, replace(FULL, now=ago(5))), RECONNECTED, CONNECTED_AND_BACK),
    (
        "another process while Redis was unavailable",
        (MINUTE_AGO, replace(DOWN, now=ago(9))),
        replace(RESTARTED, sink=sink(health=health(started=ago(2)))),
        [("Warning", "Restarted"), *CONNECTED_AND_BACK],
    ),
    (
        "connected when Redis is back",
        (facts(now=ago(90), sink=sink(health=None)), replace(CONNECTING, now=ago(60)), replace(DOWN, now=ago(5))),
        facts(),
        [*CONNECTED_AND_BACK, ("Normal", "Ready")],
    ),
    (
        "not connected when Redis is back",
        (facts(now=ago(90), sink=sink(health=None)), replace(CONNECTING, now=ago(60)), replace(DOWN, now=ago(5))),
        LOST,
        [("Normal", "BackpressureOff")],
    ),
    (
        "disconnected, with an Event, before Redis was unavailable",
        (MINUTE_AGO, replace(LOST, now=ago(30)), replace(DOWN, now=ago(5))),
        LOST,
        [("Normal", "BackpressureOff")],
    ),
    ("full", (MINUTE_AGO,), FULL, [("Warning", "BackpressureOn")]),
    ("full for long", (facts(now=ago(900)), replace(FULL, now=ago(301))), FULL, [("Warning", "NotReady")]),
    ("full, and the ingester restarts", (MINUTE_AGO, replace(FULL, now=ago(5))), RESTARTED, [("Warning", "Restarted")]),
    (
        "full, then restarted, then no longer full",
        (MINUTE_AGO, replace(FULL, now=ago(5)), replace(RESTARTED, now=ago(1))),
        replace(RESTARTED, sink=sink(health=health(started=ago(2)))),
        [("Normal", "Connected"), ("Normal", "BackpressureOff"), ("Normal", "Ready")],
    ),
    (
        "full, and suspended",
        (MINUTE_AGO, replace(FULL, now=ago(5))),
        facts(suspended=True, pods=()),
        [("Normal", "Suspended")],
    ),
    ("Redis down from the start", (), replace(DOWN, pods=(YOUNG,)), [("Warning", "BackpressureOn")]),
    ("Redis down from the start, for long", (replace(DOWN, now=ago(400)),), DOWN, [("Warning", "NotReady")]),
    ("no longer full", (MINUTE_AGO, replace(FULL, now=ago(5))), facts(), [("Normal", "BackpressureOff")]),
    ("Redis down", (MINUTE_AGO,), DOWN, [("Warning", "BackpressureOn")]),
    ("a crash", (MINUTE_AGO,), CRASH, [("Warning", "Restarted")]),
    ("killed for another reason", (MINUTE_AGO,), KILLED, [("Warning", "Restarted")]),
    ("out of memory", (MINUTE_AGO,), OOM, [("Warning", "OOMKilled")]),
    ("out of memory, still", (MINUTE_AGO, replace(OOM, now=ago(5))), OOM, []),
    (
        "out of memory again",
        (MINUTE_AGO, replace(OOM, now=ago(5))),
        facts(pods=(pod(restart_count=2, last_termination=ended("OOMKilled", 137, seconds_ago=1)),)),
        [("Warning", "OOMKilled")],
    ),
    ("no image", (facts(now=ago(9), pods=()),), NO_IMAGE, [("Warning", "ImagePullFailed")]),
    (
        "no image, with another waiting reason",
        (replace(NO_IMAGE, now=ago(4)),),
        facts(pods=(waiting_pod("ImagePullBackOff", age=9),)),
        [],
    ),
    (
        "no image for long",
        (replace(NO_IMAGE, now=ago(40)),),
        facts(pods=(waiting_pod("ImagePullBackOff", age=45),)),
        [("Warning", "Stalled")],
    ),
    ("fenced", (fenced(0),), fenced(1), [("Warning", "Fenced")]),
    (
        "fenced before the first reconcile",
        (facts(now=ago(9), sink=sink(health=None)),),
        fenced(1),
        [
            ("Normal", "Connected"),
            ("Normal", "Ready"),
            ("Warning", "Fenced"),
        ],
    ),
    ("fenced, still", (fenced(0), fenced(1)), fenced(1), []),
    ("another process starts its count at zero", (fenced(2),), fenced(0, started=ago(5)), []),
    ("another process is fenced", (fenced(2),), fenced(1, started=ago(5)), [("Warning", "Fenced")]),
    ("a gap whose end is not known yet", (MINUTE_AGO,), lost(OPEN_GAP), []),
    ("a gap", (MINUTE_AGO, lost(OPEN_GAP)), lost(GAP), [("Warning", "EventsLost")]),
    ("a gap, still", (MINUTE_AGO, lost(GAP)), lost(GAP), []),
    (
        "a cursor reset",
        (MINUTE_AGO,),
        facts(sink=sink(cursor="12", health=health(cursor_reset=RESET))),
        [("Normal", "CursorReset")],
    ),
    (
        "stalled",
        (MINUTE_AGO,),
        facts(sink=reporting(SourceState.HALTED, "FutureCursor", "x")),
        [("Warning", "Stalled"), ("Warning", "Disconnected")],
    ),
    (
        "still stalled",
        (facts(now=ago(9), sink=reporting(SourceState.HALTED, "FutureCursor", "x")),),
        facts(sink=reporting(SourceState.HALTED, "FutureCursor", "y")),
        [],
    ),
    (
        "stalled for another reason",
        (facts(now=ago(9), sink=reporting(SourceState.HALTED, "FutureCursor", "x")),),
        facts(sink=reporting(SourceState.HALTED, "CursorUnreadable", "y")),
        [("Warning", "Stalled")],
    ),
    (
        "recovered",
        (facts(now=ago(9), sink=reporting(SourceState.HALTED, "FutureCursor", "x")),),
        facts(),
        [("Normal", "Recovered"), ("Normal", "Connected"), ("Normal", "Ready")],
    ),
    ("suspended", (MINUTE_AGO,), facts(suspended=True, pods=()), [("Normal", "Suspended")]),
    (
        "resumed",
        (facts(now=ago(9), suspended=True, pods=()),),
        facts(pods=(waiting_pod("ContainerCreating", age=1),)),
        [("Normal", "Resumed")],
    ),
    (
        "suspended, and somebody starts a pod",
        (facts(now=ago(9), suspended=True, pods=()),),
        facts(suspended=True),
        [],
    ),
    (
        "suspended, and a pod is created late",
        (facts(now=ago(9), suspended=True, pods=()), facts(now=ago(5), suspended=True, pods=(waiting_pod("", age=1),))),
        facts(suspended=True, pods=()),
        [],
    ),
    ("pod restarting is not a lost connection", (MINUTE_AGO,), facts(pods=(waiting_pod("", age=60),)), []),
    ("cursor went back", (MINUTE_AGO,), facts(sink=sink(cursor="12")), [("Warning", "CursorMovedBack")]),
    ("another host's cursor is another cursor", (MINUTE_AGO,), facts(host="other", sink=sink(cursor="12")), []),
]


@pytest.mark.parametrize(("past", "now", "expected"), [row[1:] for row in EVENTS], ids=[row[0] for row in EVENTS])
def test_events_of_transitions(past: tuple[Facts, ...], now: Facts, expected: list[tuple[str, str]]) -> None:
    assert events(*past, now=now) == expected


@pytest.mark.parametrize(
    ("ended_so", "message"),
    [
        (CRASH, "The ingester was restarted: Error, exit code 1"),
        (KILLED, "The ingester was restarted: Error, exit code 137"),
        (
            OOM,
            "The ingester was killed because it needed more memory than its limit, exit code 137: "
            "raise spec.podTemplate.resources.limits",
        ),
    ],
)
def test_a_restart_is_an_event_with_its_reason(ended_so: Facts, message: str) -> None:
    before = after(MINUTE_AGO)
    assert [item.message for item in transition_events(before, source_status([ended_so], before))] == [message]


def test_a_gap_is_an_event_with_its_range() -> None:
    before = after(MINUTE_AGO)
    (event,) = transition_events(before, source_status([lost(GAP)], before))
    assert event.message == (
        "OutdatedCursor: the source no longer had seq 8 to 12, after an unknown time, before 2026-11-24T11:59:55Z. "
        "The ingester has continued after them. Fetch what is missing from the repositories, if you need it"
    )


def test_the_longer_a_source_is_quiet_the_rarer_its_status_is_written() -> None:
    resting = facts(
        windows=LabelerHealthSpec(), sink=sink(stream=stream(group("g", pending=1, oldest_pending_seconds=1.0)))
    )
    status, writes = after(resting), []
    for seconds in range(0, 86_400, 30):
        later = replace(resting, now=resting.now + timedelta(seconds=seconds))
        waited = stream(group("g", pending=1, oldest_pending_seconds=1.0 + seconds))
        seen = source_status([replace(later, sink=sink(stream=waited, health=health(heartbeat=later.now)))], status)
        if not is_unchanged(status, seen):
            status = seen
            writes.append(seconds)
    assert writes == [60, 300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 76800]


def test_an_invalid_spec_records_no_resumption() -> None:
    before = after(facts(suspended=True, pods=()))
    refused = invalid_spec_status(before, generation=3, now=facts().now, reason="InvalidSpec", message="spec.host: x")
    assert [item.reason for item in transition_events(before, refused)] == ["Stalled"]


def test_a_restart_that_leaves_the_window_is_not_urgent() -> None:
    before = after(replace(OOM, now=ago(10)))
    now = source_status([replace(OOM, now=OOM.now + timedelta(seconds=890))], before)
    assert now.restarts is not None
    assert now.restarts.in_window == 1
    later = source_status([replace(OOM, now=OOM.now + timedelta(seconds=896))], now)
    assert later.restarts is not None
    assert later.restarts.in_window == 0
    assert not is_unchanged(now, later)
    conditions_aside = later.model_copy(update={"conditions": now.conditions})
    assert not is_urgent(now, conditions_aside)
