from dataclasses import replace

import pytest

from sluice_ingester.contract import State
from sluice_operator.api.relay import RelayStatus
from sluice_operator.observed.facts import Facts, HealthFacts, SinkTrouble
from sluice_operator.status.changes import same, tell, tell_fenced, urgent
from sluice_operator.status.compute import source_status
from tests.unit.operator.status.given import (
    after,
    ago,
    ended,
    facts,
    health,
    pod,
    reporting,
    sink,
    trouble,
    waiting_pod,
)

MINUTE_AGO = facts(now=ago(60))
LOST = facts(sink=reporting(State.WAITING, "ConnectionLost", "the source closed the connection"))
FULL = facts(sink=reporting(State.BACKPRESSURE, "HighWaterMark", "the stream is full"))
DOWN = facts(sink=trouble(SinkTrouble.UNREACHABLE))


def news(*past: Facts, now: Facts) -> list[tuple[str, str]]:
    before = after(*past)
    return [(item.type, item.reason) for item in tell(before, source_status([now], before))]


def test_looking_again_tells_nothing_new() -> None:
    before = after(MINUTE_AGO, facts(now=ago(3)))
    status = source_status([facts()], before)
    assert status != before
    assert same(before, status)
    assert not urgent(before, status)
    assert tell(before, status) == []


def test_what_was_read_from_the_api_server_is_the_same_as_what_was_written() -> None:
    before = after(MINUTE_AGO, facts(now=ago(3)))
    read = RelayStatus.model_validate(before.dump())
    assert same(read, source_status([facts()], read))


def test_numbers_are_news_that_can_wait() -> None:
    before = after(facts(now=ago(3)))
    moved = facts(sink=sink(cursor="6322875999", length=2000, health=health(seq="6322875999")))
    status = source_status([moved], before)
    assert not same(before, status)
    assert not urgent(before, status)


@pytest.mark.parametrize(
    "now",
    [
        LOST,
        FULL,
        DOWN,
        facts(generation=3),
        facts(pods=(pod(restart_count=1, last_termination=ended()),)),
        facts(host="other.example"),
    ],
    ids=["lost", "full", "redis down", "generation", "restart", "host"],
)
def test_what_can_not_wait(now: Facts) -> None:
    before = after(MINUTE_AGO)
    assert urgent(before, source_status([now], before))


TOLD = [
    (
        "first connection",
        (facts(now=ago(9), sink=sink(health=None)),),
        facts(),
        [("Normal", "Connected"), ("Normal", "Ready")],
    ),
    ("lost", (MINUTE_AGO,), LOST, [("Warning", "Disconnected")]),
    ("found again", (MINUTE_AGO, replace(LOST, now=ago(5))), facts(), [("Normal", "Connected")]),
    ("lost for long", (facts(now=ago(900)), replace(LOST, now=ago(301))), LOST, [("Warning", "NotReady")]),
    ("full", (MINUTE_AGO,), FULL, [("Warning", "BackpressureOn")]),
    ("no longer full", (MINUTE_AGO, replace(FULL, now=ago(5))), facts(), [("Normal", "BackpressureOff")]),
    ("Redis down", (MINUTE_AGO,), DOWN, [("Warning", "BackpressureOn")]),
    (
        "restart",
        (MINUTE_AGO,),
        facts(pods=(pod(restart_count=1, last_termination=ended("OOMKilled", 137)),)),
        [("Warning", "Restarted")],
    ),
    (
        "stalled",
        (MINUTE_AGO,),
        facts(sink=reporting(State.HALTED, "FutureCursor", "x")),
        [("Warning", "Stalled"), ("Warning", "Disconnected")],
    ),
    (
        "still stalled",
        (facts(now=ago(9), sink=reporting(State.HALTED, "FutureCursor", "x")),),
        facts(sink=reporting(State.HALTED, "FutureCursor", "y")),
        [],
    ),
    (
        "stalled otherwise",
        (facts(now=ago(9), sink=reporting(State.HALTED, "FutureCursor", "x")),),
        facts(sink=reporting(State.HALTED, "CursorUnreadable", "y")),
        [("Warning", "Stalled")],
    ),
    (
        "recovered",
        (facts(now=ago(9), sink=reporting(State.HALTED, "FutureCursor", "x")),),
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
    ("pod restarting is not a lost connection", (MINUTE_AGO,), facts(pods=(waiting_pod("", age=60),)), []),
    ("cursor went back", (MINUTE_AGO,), facts(sink=sink(cursor="12")), [("Warning", "CursorMovedBack")]),
    ("another host's cursor is another cursor", (MINUTE_AGO,), facts(host="other", sink=sink(cursor="12")), []),
]


@pytest.mark.parametrize(("past", "now", "told"), [row[1:] for row in TOLD], ids=[row[0] for row in TOLD])
def test_news(past: tuple[Facts, ...], now: Facts, told: list[tuple[str, str]]) -> None:
    assert news(*past, now=now) == told


def test_a_restart_is_told_with_its_reason() -> None:
    before = after(MINUTE_AGO)
    crashed = facts(pods=(pod(restart_count=1, last_termination=ended("OOMKilled", 137)),))
    messages = [item.message for item in tell(before, source_status([crashed], before))]
    assert messages == ["The ingester was restarted: OOMKilled, exit code 137"]


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        (None, health(fenced=3), False),
        (health(fenced=0), health(fenced=1), True),
        (health(fenced=1), health(fenced=1), False),
        (health(fenced=0, started=ago(9000)), health(fenced=1), False),
        (health(fenced=1), None, False),
    ],
    ids=["never seen", "fenced", "no news", "another process", "gone"],
)
def test_fencing_is_told_once(before: HealthFacts | None, now: HealthFacts | None, told: bool) -> None:  # noqa: FBT001
    assert [item.reason for item in tell_fenced(before, now)] == (["Fenced"] if told else [])
