"""Heartbeats: when health hashes are written, in how many round trips, and whom a failure affects."""

from collections.abc import AsyncIterator

import pytest

from sluice_ingester.telemetry.heartbeats import HEARTBEAT_SECONDS
from sluice_redis.contract import HealthField
from sluice_redis.sink.errors import SinkError
from tests.fakes.clock import FakeClock, settle
from tests.fakes.redis_sink import NO_RIGHT, UNAVAILABLE
from tests.unit.ingester.process_parts import ProcessParts, label_sinks


class Stage:
    """Sources `0`, `1`, ... whose hashes are written."""

    def __init__(self, number: int) -> None:
        self.clock = FakeClock()
        self.sinks = label_sinks(number, self.clock)
        self.parts = ProcessParts(self.clock, *self.sinks)
        self.reports = [self.parts.report(sink.keys) for sink in self.sinks]
        for report, sink in zip(self.reports, self.sinks, strict=True):
            self.parts.heartbeats.add(report, sink.keys)
        self.task = self.parts.repeat(self.parts.heartbeats.step)

    def beats(self) -> list[str]:
        return [sink.health[HealthField.BEAT] for sink in self.sinks]


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage(100)
    await settle()
    yield stage
    await stage.parts.stop()


async def test_all_hashes_that_are_due_share_one_round_trip(stage: Stage) -> None:
    assert stage.parts.redis.rounds == 1
    for _ in range(10):
        before = stage.beats()
        await stage.clock.advance(HEARTBEAT_SECONDS)
        assert all(new > old for new, old in zip(stage.beats(), before, strict=True))
    assert stage.parts.redis.rounds <= 11


async def test_a_hash_is_written_at_least_every_five_seconds(stage: Stage) -> None:
    """Also if others change all the time."""
    since = dict.fromkeys(range(100), stage.clock.monotonic())
    before = stage.beats()
    for number in range(200):
        stage.reports[number % 7].error("Closed", "again")
        await stage.clock.advance(0.1)
        for source, (new, old) in enumerate(zip(stage.beats(), before, strict=True)):
            if new != old:
                since[source] = stage.clock.monotonic()
        before = stage.beats()
        assert stage.clock.monotonic() - min(since.values()) <= HEARTBEAT_SECONDS + 0.1


async def test_a_change_is_written_at_once_and_the_next_one_soon(stage: Stage) -> None:
    await stage.clock.advance(1.5)
    stage.reports[7].done()
    await settle()
    assert stage.sinks[7].health[HealthField.STATE] == "done"
    stage.reports[7].connecting()
    await settle()
    assert stage.sinks[7].health[HealthField.STATE] == "done"
    await stage.clock.advance(0.2)
    assert stage.sinks[7].health[HealthField.STATE] == "connecting"


async def test_a_failure_of_one_source_is_its_own(stage: Stage) -> None:
    stage.sinks[3].failure = NO_RIGHT
    before = stage.beats()
    await stage.clock.advance(HEARTBEAT_SECONDS)
    late = [number for number, (new, old) in enumerate(zip(stage.beats(), before, strict=True)) if new == old]
    assert late == [3]
    wrong = [number for number, report in enumerate(stage.reports) if report.fields()[HealthField.ERRORS] != "0"]
    assert wrong == [3]
    stage.sinks[3].failure = None
    await stage.clock.advance(1.1)
    assert stage.beats()[3] > before[3]


async def test_a_failure_of_redis_is_an_error_of_all_and_is_retried(stage: Stage) -> None:
    stage.parts.redis.failure = SinkError(UNAVAILABLE)
    stage.reports[0].connecting()
    await stage.clock.advance(10)
    assert {report.fields()[HealthField.LAST_ERROR] for report in stage.reports} == {UNAVAILABLE.message}
    stage.parts.redis.failure = None
    before = stage.beats()
    await stage.clock.advance(1.1)
    assert all(new > old for new, old in zip(stage.beats(), before, strict=True))


async def test_a_bug_in_one_report_does_not_stop_the_others(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def fields() -> dict[str, str]:
        raise ValueError

    monkeypatch.setattr(stage.reports[5], "fields", fields)
    before = stage.beats()
    await stage.clock.advance(2 * HEARTBEAT_SECONDS)
    assert [number for number, (new, old) in enumerate(zip(stage.beats(), before, strict=True)) if new == old] == [5]
    assert stage.parts.metrics.registry.get_sample_value("sluice_ingester_helper_failures_total", {"helper": "test"})


async def test_the_last_write_of_a_source_is_its_last(stage: Stage) -> None:
    stage.reports[2].stopped()
    await stage.parts.heartbeats.write_last([stage.reports[2]])
    assert stage.sinks[2].health[HealthField.STATE] == "stopped"
    last = stage.beats()[2]
    stage.reports[2].connecting()
    await stage.clock.advance(3 * HEARTBEAT_SECONDS)
    assert (stage.sinks[2].health[HealthField.STATE], stage.beats()[2]) == ("stopped", last)
