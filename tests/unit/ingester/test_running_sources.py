"""The running of sources: they start, stop and are restarted one by one."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from sluice_ingester.batches.batch import Batch
from sluice_ingester.running_sources import STUCK_CHECK_SECONDS, RunningSources
from sluice_ingester.settings import load
from sluice_ingester.source_spec import SourceSpec
from sluice_ingester.sources.address import Address
from sluice_redis.contract import HealthField, Stream, StreamKeys
from tests.fakes.clock import FakeClock, settle
from tests.fakes.redis_sink import NO_RIGHT, FakeRedis, FakeSink
from tests.unit.ingester.fake_work import FakeWork
from tests.unit.ingester.process_parts import ProcessParts

NAMES = ("a.test", "b.test", "c.test")


def spec(host: str, **variables: str) -> SourceSpec:
    return SourceSpec(settings=load(variables), stream=Stream.LABELS, address=Address.parse(host))


class Stage:
    """Three sources that run."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        redis = FakeRedis()
        keys = [StreamKeys(stream=Stream.LABELS, host=name) for name in NAMES]
        self.sinks = {one.host: FakeSink(redis, one, clock=self.clock) for one in keys}
        self.parts = ProcessParts(self.clock, *self.sinks.values())
        self.changes = 0
        self.sources = RunningSources(
            lambda one: FakeWork(one, self.clock), self.parts.heartbeats, on_change=self._count, clock=self.clock
        )

    def _count(self) -> None:
        self.changes += 1

    def work(self, name: str) -> FakeWork:
        [running] = [one for one in self.sources if one.spec.address.host == name]
        assert isinstance(running.work, FakeWork)
        return running.work

    def state(self, name: str) -> str:
        return self.sinks[name].health[HealthField.STATE]


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    await stage.sources.change(start={name: spec(name) for name in NAMES})
    stage.parts.repeat(stage.parts.heartbeats.step)
    stage.parts.repeat(stage.sources.restart_stuck)
    await settle()
    yield stage
    for running in stage.sources:
        assert isinstance(running.work, FakeWork)
        running.work.ignores_cancel = False
        running.work.end.set()
    await stage.sources.stop_all()
    await stage.parts.stop()


async def test_a_source_that_stops_says_so_and_the_others_are_not_touched(stage: Stage) -> None:
    before = [stage.work("a.test"), stage.work("c.test")]
    await stage.sources.change(stop=["b.test"])
    assert stage.state("b.test") == "stopped"
    assert [stage.work("a.test"), stage.work("c.test")] == before
    assert not any(work.stopped.is_set() for work in before)
    assert list(stage.sources.specs) == ["a.test", "c.test"]
    await stage.clock.advance(10)
    assert stage.state("b.test") == "stopped"


async def test_a_source_that_changed_starts_when_the_old_one_has_ended(stage: Stage) -> None:
    old = stage.work("b.test")
    old.flushes = False
    changed = spec("b.test", INGESTER_BATCH_SIZE="9")
    changing = asyncio.create_task(stage.sources.change(stop=["b.test"], start={"b.test": changed}))
    await settle()
    assert old.stopped.is_set()
    assert stage.work("b.test") is old
    old.end.set()
    await changing
    assert stage.work("b.test") is not old
    assert stage.work("b.test").spec == changed
    await settle()
    assert stage.state("b.test") == "connecting"


async def test_the_last_report_that_redis_refuses_does_not_keep_a_source(stage: Stage) -> None:
    stage.sinks["b.test"].failure = NO_RIGHT
    await stage.sources.change(stop=["b.test", "c.test"])
    assert (list(stage.sources.specs), stage.state("c.test")) == (["a.test"], "stopped")


async def test_a_source_that_can_t_be_built_does_not_keep_others_from_starting(stage: Stage) -> None:
    def make(one: SourceSpec) -> FakeWork:
        if one.address.host == "bad.test" and not one.problem:
            raise ValueError("no")
        return FakeWork(one, stage.clock)

    stage.sources.make = make
    await stage.sources.change(start={"bad": spec("bad.test"), "d": spec("d.test")})
    assert stage.work("bad.test").spec.problem == "internal error: ValueError: no"
    assert not stage.work("d.test").spec.problem


async def test_the_end_of_a_source_that_nothing_has_stopped_is_noticed(stage: Stage) -> None:
    stage.work("a.test").end.set()
    await settle()
    assert stage.sources.failed.is_set()


async def test_a_stuck_source_is_restarted_alone(stage: Stage) -> None:
    stuck, others = stage.work("b.test"), [stage.work("a.test"), stage.work("c.test")]
    stuck.is_stuck = True
    assert stage.sources.stuck() == []  # the process need not be restarted
    await stage.clock.advance(STUCK_CHECK_SECONDS)
    assert stuck.was_cancelled
    assert stage.work("b.test") is not stuck
    assert [stage.work("a.test"), stage.work("c.test")] == others
    assert not any(work.was_cancelled for work in others)
    assert not stage.sources.failed.is_set()
    assert stage.sources.stuck() == []
    assert stage.changes == 2


async def test_the_process_is_stuck_if_a_restart_of_the_source_did_not_help(stage: Stage) -> None:
    stage.work("b.test").is_stuck = True
    await stage.clock.advance(STUCK_CHECK_SECONDS)
    stage.work("b.test").is_stuck = True
    assert [running.spec.address.host for running in stage.sources.stuck()] == ["b.test"]
    stage.work("a.test").report.batch_stored(Batch(), seconds=0.1)  # so what the sources share works
    assert stage.sources.stuck() == []


async def test_the_process_is_stuck_if_a_source_can_t_be_ended(stage: Stage) -> None:
    work = stage.work("c.test")
    work.is_stuck = work.ignores_cancel = True
    await stage.clock.advance(STUCK_CHECK_SECONDS)
    async with asyncio.timeout(60):
        while not stage.sources.stuck():
            await asyncio.sleep(0.05)
    assert [running.spec.address.host for running in stage.sources.stuck()] == ["c.test"]
    assert stage.work("c.test") is work


async def test_a_removed_source_that_can_t_be_ended_makes_the_process_stuck(stage: Stage) -> None:
    work = stage.work("c.test")
    work.flushes, work.ignores_cancel = False, True
    changing = asyncio.create_task(stage.sources.change(stop=["c.test"]))
    async with asyncio.timeout(60):
        while not stage.sources.stuck():
            await asyncio.sleep(0.05)
    assert not changing.done()
    work.end.set()
    await changing
    assert stage.sources.stuck() == []
