"""A backfill in the status: its condition, its numbers, and when it affects Ready."""

from dataclasses import replace
from typing import Any

import pytest

from sluice_operator.api.relay import RelayStatus
from sluice_operator.desired.relay_streams import BACKFILL
from sluice_operator.observed.facts.facts import Facts
from sluice_operator.observed.facts.redis import SinkFacts, SinkReadFailure
from sluice_operator.status.transitions import transition_events
from sluice_redis.contract import BACKFILL_DONE, SourceState
from tests.unit.operator.status.situations import (
    NOW,
    ago,
    conditions,
    facts,
    failed_sink,
    group,
    health,
    pod,
    sink,
    source_status,
    stream,
    waiting_pod,
)

POD = "us-east-backfill-1"


def listing(state: SourceState = SourceState.STREAMING, cursor: str | None = "4000", **changes: Any) -> SinkFacts:
    changes = {"events": 4000, "rate": 410.0, "event_time": None, **changes}
    return sink(cursor=cursor, health=health(pod=POD, state=state, **changes))


SILENT = listing(silent_seconds=31.0)
FIRST_SEEN = listing(silent_seconds=601.0, watched_seconds=0.0)
"""An old report by its clock, as a new operator process finds it."""


def backfill(found: SinkFacts | None, **changes: Any) -> Facts:
    changes = {"pods": (pod(uid="uid-2", name=POD),), **changes}
    return facts(component=BACKFILL, sink=found, **changes)


def status(*situations: list[Facts]) -> RelayStatus:
    found = RelayStatus()
    for situation in situations:
        found = source_status(situation, found)
    return found


def test_every_described_field_is_set() -> None:
    errors = {"last_error": "no page", "last_error_time": ago(5)}
    found = listing(SourceState.BACKPRESSURE, message="full", **errors)
    part = status([facts(), backfill(replace(found, stream=stream(group("fetchers"))))]).backfill
    assert part is not None
    assert part.dump().keys() == {field.alias for field in type(part).model_fields.values()}


@pytest.mark.parametrize(
    ("found", "condition"),
    [
        (listing(), ("False", "Listing")),
        (listing(SourceState.WAITING, reason="Http500", message="no"), ("False", "Http500")),
        (listing(SourceState.BACKPRESSURE, reason="HighWaterMark", message="full"), ("False", "HighWaterMark")),
        (listing(SourceState.CONNECTING, cursor=None), ("False", "Connecting")),
        (listing(SourceState.DONE, cursor=BACKFILL_DONE), ("True", "Listed")),
        (failed_sink(SinkReadFailure.UNREACHABLE), ("Unknown", "SinkUnreachable")),
        (SILENT, ("False", "NotReporting")),
    ],
)
def test_the_backfill_complete_condition(found: SinkFacts, condition: tuple[str, str]) -> None:
    assert conditions(status([facts(), backfill(found)]))["BackfillComplete"] == condition


@pytest.mark.parametrize(
    ("before", "condition"),
    [
        ([], ("False", "Connecting")),
        ([listing()], ("False", "Listing")),
        ([SILENT], ("False", "NotReporting")),
    ],
    ids=["nothing", "it lists", "it is silent"],
)
def test_an_uncertain_report_keeps_the_condition(before: list[SinkFacts], condition: tuple[str, str]) -> None:
    unheard = facts(sink=sink(health=None))
    past = [[unheard, backfill(found)] for found in before]
    for times in (1, 2):
        found = status(*past, *[[unheard, backfill(FIRST_SEEN)]] * times)
        assert conditions(found)["Connected"] == ("Unknown", "NotReporting")
        assert conditions(found)["BackfillComplete"] == condition


def test_a_completed_backfill_needs_no_pod() -> None:
    found = status([facts(), backfill(listing(SourceState.STOPPED, cursor=BACKFILL_DONE), pods=())])
    assert conditions(found)["BackfillComplete"] == ("True", "Listed")


def test_suspended_ends_once_while_one_of_two_streams_runs_again() -> None:
    """A pod of the firehose that was created late does not count by itself. A running pod of the backfill does."""
    stopped, late = facts(suspended=True, pods=()), facts(suspended=True, pods=(waiting_pod("", age=1),))
    off = [stopped, backfill(None, suspended=True, pods=())]
    assert "Suspended" in conditions(status(off, [late, backfill(None, suspended=True, pods=())]))
    runs = [late, backfill(None, suspended=True)]
    for times in (1, 2):
        found = conditions(status(off, *[runs] * times))
        assert "Suspended" not in found
        assert found["Ready"] == ("False", "Suspending")


def test_without_a_backfill_there_is_no_condition_and_no_field() -> None:
    with_it = status([facts(), backfill(listing())])
    without = source_status([facts()], with_it)
    assert "BackfillComplete" not in conditions(without)
    assert without.backfill is None


@pytest.mark.parametrize(
    "situation",
    [
        backfill(listing(SourceState.WAITING, reason="Http500", message="no", stored=ago(9000))),
        backfill(listing(SourceState.BACKPRESSURE, reason="HighWaterMark", message="full", stored=ago(9000))),
        backfill(listing(), pods=(waiting_pod("ContainerCreating", age=10, name=POD),)),
        backfill(listing(SourceState.DONE, cursor=BACKFILL_DONE)),
        backfill(sink(cursor=None, health=None)),
    ],
)
def test_a_temporary_problem_of_the_backfill_keeps_ready(situation: Facts) -> None:
    alone = status([facts()])
    both = status([facts(), situation])
    kept = ("Ready", "Reconciling", "Stalled", "Connected", "EventsFlowing", "CursorValid", "SinkWritable")
    assert {name: conditions(both).get(name) for name in kept} == {name: conditions(alone).get(name) for name in kept}


@pytest.mark.parametrize(
    ("situation", "reason"),
    [
        (backfill(listing(SourceState.HALTED, reason="CursorUnreadable", message="set it")), "CursorUnreadable"),
        (backfill(listing(), pods=(waiting_pod("ImagePullBackOff", age=600, name=POD),)), "ImagePullFailed"),
    ],
)
def test_a_problem_that_needs_a_person_is_stalled(situation: Facts, reason: str) -> None:
    found = status([facts(), situation])
    assert conditions(found)["Stalled"] == ("True", reason)
    ready = next(item for item in found.conditions or () if item.type == "Ready")
    assert ready.message.startswith("backfill: ")


def test_the_numbers_of_a_backfill() -> None:
    there = listing(last_error="no", last_error_time=ago(5))
    there = replace(there, stream=stream(group("fetchers", lag=9)))
    found = status([facts(), backfill(there)]).backfill
    assert found is not None
    assert found.dump() == {
        "state": "streaming",
        "cursor": "4000",
        "done": False,
        "progress": "4000 repos",
        "repos": 4000,
        "reposPerSecond": 410.0,
        "rate": "410/s",
        "deadLetters": 0,
        "streamLength": 1000,
        "streamBytes": 4096,
        "consumerGroups": [{"name": "fetchers", "consumers": 1, "lag": 9, "pending": 0}],
        "consumersLag": 9,
        "fenced": 0,
        "fencedSinceStart": 0,
        "startedAt": ago(3599).isoformat().replace("+00:00", "Z"),
        "lastError": "no",
        "lastErrorTime": ago(5).isoformat().replace("+00:00", "Z"),
        "version": "0.1.0",
        "updatedAt": NOW.isoformat().replace("+00:00", "Z"),
    }


def test_the_progress_of_a_completed_backfill() -> None:
    found = status([facts(), backfill(listing(SourceState.DONE, cursor=BACKFILL_DONE))]).backfill
    assert found is not None
    assert found.progress == "done"


def test_the_progress_is_kept_while_redis_is_unavailable() -> None:
    found = status(
        [facts(), backfill(listing())], [facts(), backfill(failed_sink(SinkReadFailure.UNREACHABLE))]
    ).backfill
    assert found is not None
    assert (found.repos, found.cursor, found.progress) == (4000, "4000", "4000 repos")
    assert (found.state, found.rate, found.repos_per_second, found.stream_length) == (None,) * 4


def test_completion_records_an_event() -> None:
    before = status([facts(), backfill(listing())])
    after = source_status([facts(), backfill(listing(SourceState.DONE, cursor=BACKFILL_DONE))], before)
    assert [event.reason for event in transition_events(before, after)] == ["BackfillDone"]
    assert (
        transition_events(
            after, source_status([facts(), backfill(listing(SourceState.DONE, cursor=BACKFILL_DONE))], after)
        )
        == []
    )


def test_without_a_firehose_the_backfill_decides_ready() -> None:
    off = facts(enabled=False, pods=(), sink=sink(health=None))
    assert conditions(status([off, backfill(listing())]))["Ready"] == ("True", "Listing")
    assert conditions(status([off, backfill(listing(SourceState.DONE, cursor=BACKFILL_DONE))]))["Ready"] == (
        "True",
        "Listed",
    )
    assert conditions(status([off, backfill(listing())]))["Stable"] == ("True", "NoRecentRestarts")
    assert conditions(status([off, backfill(listing())]))["Connected"] == ("False", "NothingToRun")


@pytest.mark.parametrize(
    ("state", "reason", "first", "late"),
    [
        (SourceState.WAITING, "Http502", "Reconnecting", "SourceUnavailable"),
        (SourceState.BACKPRESSURE, "HighWaterMark", "HighWaterMark", "HighWaterMark"),
    ],
    ids=["no page has come", "its stream is full"],
)
def test_without_a_firehose_a_backfill_that_stores_nothing_is_degraded(
    state: SourceState, reason: str, first: str, late: str
) -> None:
    off = facts(enabled=False, pods=(), sink=sink(health=None))
    working = [off, backfill(listing())]
    short, long = (backfill(listing(state, reason=reason, message="no", stored=ago(age))) for age in (100, 400))
    assert conditions(status(working, [off, short]))["Ready"] == ("True", first)
    assert conditions(status(working, [off, long]))["Ready"] == ("False", late)


def test_suspended() -> None:
    resting = [
        facts(suspended=True, pods=()),
        backfill(listing(SourceState.STOPPED), suspended=True, pods=()),
    ]
    found = conditions(status(resting))
    assert found["Suspended"] == ("True", "Suspended")
    assert found["BackfillComplete"] == ("False", "Suspended")
    still = [facts(suspended=True, pods=()), backfill(listing(SourceState.STREAMING), suspended=True)]
    assert "Suspended" not in conditions(status(still))
