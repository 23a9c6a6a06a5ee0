"""The batcher: when a batch goes to the writer, and when the reader waits."""

import asyncio

import pytest

from sluice_ingester.batches.batcher import Batcher
from tests.fakes.clock import FakeClock, settle
from tests.unit.ingester.decoded_frames import decoded


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


async def test_a_full_batch_is_taken_at_once(clock: FakeClock) -> None:
    batcher = Batcher(max_events=2, max_seconds=60, clock=clock)
    batcher.add(decoded(1))
    batcher.add(decoded(2))
    batch = await batcher.take()
    assert batch is not None
    assert len(batch.events) == 2


async def test_a_batch_is_taken_when_it_is_old_enough(clock: FakeClock) -> None:
    batcher = Batcher(max_events=100, max_seconds=0.2, clock=clock)
    taking = asyncio.create_task(batcher.take())
    await clock.advance(0.3)
    batcher.add(decoded(1))
    await clock.advance(0.05)
    batcher.add(decoded(2))
    await clock.advance(0.14)
    assert not taking.done()
    await clock.advance(0.02)
    batch = await taking
    assert batch is not None
    assert len(batch.events) == 2


async def test_an_empty_batch_is_not_taken(clock: FakeClock) -> None:
    taking = asyncio.create_task(Batcher(max_events=100, max_seconds=0.05, clock=clock).take())
    await clock.advance(3600)
    assert not taking.done()
    taking.cancel()


async def test_the_reader_waits_for_room(clock: FakeClock) -> None:
    batcher = Batcher(max_events=2, max_seconds=60, clock=clock)
    batcher.add(decoded(1, 2))
    assert not batcher.has_room
    waiting = asyncio.create_task(batcher.wait_for_room(seconds=60))
    await clock.advance(59)
    assert not waiting.done()
    await batcher.take()
    assert await waiting
    assert batcher.has_room


async def test_the_reader_does_not_wait_for_ever(clock: FakeClock) -> None:
    batcher = Batcher(max_events=2, max_seconds=60, clock=clock)
    batcher.add(decoded(1, 2))
    waiting = asyncio.create_task(batcher.wait_for_room(seconds=60))
    await clock.advance(60)
    assert waiting.done()
    assert not await waiting


async def test_after_the_close_the_rest_is_taken_and_then_none(clock: FakeClock) -> None:
    batcher = Batcher(max_events=100, max_seconds=60, clock=clock)
    batcher.add(decoded(1))
    taking = asyncio.create_task(batcher.take())
    await settle()
    batcher.close()
    batch = await taking
    assert batch is not None
    assert batch.events == [b"x" * 100]
    assert await batcher.take() is None


async def test_the_age_of_the_oldest_frame(clock: FakeClock) -> None:
    batcher = Batcher(max_events=100, max_seconds=60, clock=clock)
    assert batcher.age == 0
    batcher.add(decoded(1, 0))
    clock.pass_by(0.5)
    assert batcher.age == 0.5
