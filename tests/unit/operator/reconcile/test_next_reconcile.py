"""A source in which nothing changes is not reconciled. What changes is told within one round of the change poller."""

import pytest

from sluice_operator.kubernetes.source_key import SourceKey
from sluice_operator.observed.report_age import FRESH_SECONDS
from sluice_operator.reconcile.next_reconcile import EVENTS_PAUSE_SECONDS, MAX_PAUSE_SECONDS
from sluice_redis.contract import SourceState
from tests.unit.operator.reconcile.harness import KEYS, NAMESPACE, OBSERVE_SECONDS, STATUS_SECONDS, Situation

A = SourceKey("Relay", NAMESPACE, "a")


@pytest.fixture
async def situation() -> Situation:
    """A Relay whose ingester streams, and whose status says so."""
    situation = Situation()
    await situation.start_streaming()
    await stored_now(situation)
    for _ in range(2):
        await situation.reconcile()
    assert situation.condition("EventsFlowing") == ("True", "Flowing")
    return situation


async def stored_now(situation: Situation, *, seq: int = 7) -> None:
    now = situation.clock.now().isoformat()
    situation.sink.set(KEYS.cursor, str(seq))
    situation.report(seq=str(seq), stored=now, eventTime=now, rate="1.0", events=str(seq))


async def at_rest(situation: Situation) -> float:
    again = await situation.reconcile()
    assert again is not None
    return again


async def test_without_changes_it_is_reconciled_when_its_status_changes_by_itself(situation: Situation) -> None:
    passed, reconciles = 0.0, 0
    while situation.condition("EventsFlowing") == ("True", "Flowing"):
        again = await at_rest(situation)
        situation.clock.advance(again)
        situation.report()
        passed, reconciles = passed + again, reconciles + 1
        await situation.reconcile()
    assert situation.condition("EventsFlowing") == ("False", "Quiet")
    assert passed == pytest.approx(300, abs=OBSERVE_SECONDS), "it counts as quiet after 300 s"
    assert reconciles < 10


async def test_heartbeats_cause_no_reconcile(situation: Situation) -> None:
    for _ in range(20):
        situation.clock.advance(OBSERVE_SECONDS)
        situation.report()
        assert await situation.poll() == []
    assert situation.later == {}
    assert situation.server.writes == []


async def test_an_ingester_that_falls_silent_is_told(situation: Situation) -> None:
    added, seconds = [], 0.0
    while not added and seconds < 2 * FRESH_SECONDS:
        situation.clock.advance(OBSERVE_SECONDS)
        seconds += OBSERVE_SECONDS
        added = await situation.poll()
    assert added == [A]
    assert FRESH_SECONDS < seconds <= FRESH_SECONDS + 2 * OBSERVE_SECONDS
    await situation.reconcile()
    assert situation.condition("Connected") == ("Unknown", "NotReporting")
    assert await situation.poll() == []
    situation.report()
    assert await situation.poll() == [A]


@pytest.mark.parametrize(
    "fields",
    [{"state": SourceState.HALTED, "reason": "FutureCursor"}, {"lastError": "x"}, {"fenced": "1"}, {"pod": "other"}],
    ids=["halted", "error", "fenced", "writer"],
)
async def test_a_change_of_the_state_is_told_at_once(situation: Situation, fields: dict[str, str]) -> None:
    situation.clock.advance(OBSERVE_SECONDS)
    situation.report(**fields)
    assert await situation.poll() == [A]


async def test_numbers_are_told_when_they_may_be_written(situation: Situation) -> None:
    situation.clock.advance(OBSERVE_SECONDS)
    await stored_now(situation, seq=8)
    assert await situation.poll() == []
    assert situation.later[A] == pytest.approx(STATUS_SECONDS - OBSERVE_SECONDS, abs=1)
    situation.clock.advance(situation.later[A])
    await situation.reconcile()
    assert situation.writes() == ["PATCH relays/status"]
    assert situation.status()["firehose"]["cursor"] == "8"


async def test_a_stream_that_flows_again_is_told_at_once(situation: Situation) -> None:
    situation.clock.advance(301)
    situation.report()
    await situation.reconcile()
    assert situation.condition("EventsFlowing") == ("False", "Quiet")
    await stored_now(situation, seq=8)
    assert await situation.poll() == [A]


async def test_an_outage_of_redis_is_told_when_it_begins_and_when_it_ends(situation: Situation) -> None:
    situation.sink.problem = "connection refused"
    assert await situation.poll() == [A]
    await situation.reconcile()
    assert situation.condition("SinkWritable") == ("False", "SinkUnreachable")
    assert await situation.poll() == []
    situation.sink.problem = ""
    assert await situation.poll() == [A]


async def test_a_suspended_source_is_read_seldom(situation: Situation) -> None:
    situation.apply(suspend=True)
    await situation.reconcile()
    situation.end_pod()
    await at_rest(situation)
    situation.clock.advance(FRESH_SECONDS + 1)  # until then, a pod that nobody knows may write the report
    again = await at_rest(situation)
    assert again > 0.8 * MAX_PAUSE_SECONDS
    await situation.poll()
    situation.report(state=SourceState.STOPPED)
    situation.clock.advance(STATUS_SECONDS - 1)
    assert await situation.poll() == []
    situation.clock.advance(1)
    assert await situation.poll() == [A]


async def test_the_cursor_of_a_suspended_source_is_told(situation: Situation) -> None:
    situation.apply(suspend=True)
    await situation.reconcile()
    situation.end_pod()
    await situation.reconcile()
    situation.clock.advance(FRESH_SECONDS + 1)
    await situation.reconcile()
    await situation.poll()
    situation.sink.set(KEYS.cursor, "99")
    situation.clock.advance(STATUS_SECONDS)
    assert await situation.poll() == [A]
    await situation.reconcile()
    assert situation.status()["firehose"]["cursor"] == "99"


async def test_a_source_with_an_invalid_spec_is_not_watched(situation: Situation) -> None:
    situation.apply(firehose="not an object")
    await situation.reconcile()
    situation.report(state=SourceState.HALTED)
    assert await situation.poll() == []


async def test_a_deleted_source_is_not_watched(situation: Situation) -> None:
    situation.delete()
    await situation.reconcile()
    situation.report(state=SourceState.HALTED)
    assert await situation.poll() == []


async def test_a_source_that_waits_for_a_cursor_looks_again_soon(situation: Situation) -> None:
    situation.apply("b", created=2)
    again = await situation.reconcile("b")
    assert situation.condition("Stalled", "b") == ("True", "DuplicateSource")
    assert again is not None
    assert again <= 1.1 * OBSERVE_SECONDS


async def test_a_new_url_of_one_source_is_told_to_the_others_with_its_host(situation: Situation) -> None:
    situation.apply("b", created=2)
    await situation.reconcile("b")
    situation.added.clear()
    situation.start_operator()
    await situation.reconcile("a")
    assert SourceKey("Relay", NAMESPACE, "b") in situation.added


async def test_events_that_exceed_the_budget_are_written_later(situation: Situation) -> None:
    for number in range(200):
        situation.sink.problem = "connection refused" if number % 2 else ""
        again = await situation.reconcile()
        if again is not None and again <= EVENTS_PAUSE_SECONDS:
            return
    raise AssertionError("the budget was never exceeded")
