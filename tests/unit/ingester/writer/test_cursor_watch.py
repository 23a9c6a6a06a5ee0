"""The watch of cursors: one round trip for all sources, and who is told what."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from sluice_ingester.writer.batch_writer import BatchWriter, FencedError
from sluice_ingester.writer.cursor_watch import CHECK_SECONDS, EvictsError
from sluice_redis.sink.errors import SinkError
from tests.fakes.clock import FakeClock, settle
from tests.fakes.redis_sink import NO_RIGHT, UNAVAILABLE
from tests.unit.ingester.process_parts import ProcessParts, label_sinks


class Stage:
    """Sources whose cursor is 5, with their writers."""

    def __init__(self, number: int) -> None:
        self.clock = FakeClock()
        self.sinks = label_sinks(number, self.clock)
        self.parts = ProcessParts(self.clock, *self.sinks)
        self.writers = [
            BatchWriter(sink, self.parts.report(sink.keys), high_water_mark=10, clock=self.clock) for sink in self.sinks
        ]
        self.told: list[tuple[int, type[Exception]]] = []

    async def watch(self, number: int) -> None:
        """Watch source `number` for ever."""
        with self.parts.cursor_watch.watching(
            self.writers[number], lambda error: self.told.append((number, type(error)))
        ):
            await asyncio.Event().wait()


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage(10)
    for sink, writer in zip(stage.sinks, stage.writers, strict=True):
        sink.set_cursor(b"5")
        await writer.resume()
    tasks = [asyncio.create_task(stage.watch(number)) for number in range(10)]
    await settle()
    stage.parts.start()
    yield stage
    for task in tasks:
        task.cancel()
    await stage.parts.stop()


async def test_all_cursors_are_compared_in_one_round_trip(stage: Stage) -> None:
    await stage.clock.advance(4 * CHECK_SECONDS)
    assert (stage.parts.redis.rounds, stage.told) == (4, [])
    stage.sinks[3].set_cursor(b"7")
    await stage.clock.advance(CHECK_SECONDS)
    assert stage.told == [(3, FencedError)]


async def test_a_key_that_can_t_be_read_is_no_change_and_hides_no_other(stage: Stage) -> None:
    stage.sinks[2].failure = NO_RIGHT
    stage.sinks[4].set_cursor(None)
    await stage.clock.advance(CHECK_SECONDS)
    assert stage.told == [(4, FencedError)]


async def test_while_redis_fails_nobody_is_told(stage: Stage) -> None:
    stage.sinks[4].set_cursor(None)
    stage.parts.redis.failure = SinkError(UNAVAILABLE)
    await stage.clock.advance(10 * CHECK_SECONDS)
    assert stage.told == []
    stage.parts.redis.failure = None
    await stage.clock.advance(CHECK_SECONDS)
    assert stage.told == [(4, FencedError)]


async def test_all_are_told_when_redis_may_evict_keys(stage: Stage) -> None:
    stage.sinks[0].evicts = stage.sinks[1].evicts = True
    for sink in stage.sinks:
        sink.evicts = True
    await stage.clock.advance(5 * CHECK_SECONDS)
    assert sorted(number for number, _ in stage.told) == list(range(10))
    assert {kind for _, kind in stage.told} == {EvictsError}


async def test_waiting_ends_with_a_change_with_the_time_and_with_a_stop(stage: Stage) -> None:
    watch, writer, stopping = stage.parts.cursor_watch, stage.writers[6], asyncio.Event()
    waiting = asyncio.create_task(watch.wait(writer, stopping, seconds=100.0))
    await stage.clock.advance(100.0)
    assert waiting.done()
    assert waiting.result() is None

    waiting = asyncio.create_task(watch.wait(writer, stopping))
    await stage.clock.advance(1000.0)
    assert not waiting.done()
    stage.sinks[6].set_cursor(b"8")
    await stage.clock.advance(CHECK_SECONDS)
    with pytest.raises(FencedError, match="was '5' and is now '8'"):
        await waiting

    await writer.resume()
    waiting = asyncio.create_task(watch.wait(writer, stopping))
    await settle()
    stopping.set()
    await waiting
