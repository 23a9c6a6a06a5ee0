import asyncio

import pytest

from sluice_ingester.pipeline.batcher import Batcher
from tests.unit.ingester.given import decoded


async def taken_within(intake: Batcher, seconds: float) -> list[bytes] | None:
    async with asyncio.timeout(seconds):
        batch = await intake.take()
    return None if batch is None else batch.events


async def test_a_full_batch_is_taken_at_once() -> None:
    intake = Batcher(max_events=2, max_seconds=60)
    intake.add(decoded(1))
    intake.add(decoded(2))
    assert len(await taken_within(intake, 30) or ()) == 2


async def test_a_batch_is_taken_when_it_is_old_enough() -> None:
    intake = Batcher(max_events=100, max_seconds=0.2)
    taking = asyncio.create_task(taken_within(intake, 60))
    await asyncio.sleep(0.3)
    intake.add(decoded(1))
    began = asyncio.get_running_loop().time()
    await asyncio.sleep(0.05)
    intake.add(decoded(2))
    assert len(await taking or ()) == 2
    assert asyncio.get_running_loop().time() - began > 0.15


async def test_nothing_is_taken_from_an_empty_one() -> None:
    with pytest.raises(TimeoutError):
        await taken_within(Batcher(max_events=100, max_seconds=0.05), 0.3)


async def test_the_reader_waits_for_room() -> None:
    intake = Batcher(max_events=2, max_seconds=60)
    intake.add(decoded(1, 2))
    assert not intake.has_room
    waiting = asyncio.create_task(intake.wait_for_room())
    await asyncio.sleep(0.05)
    assert not waiting.done()
    await intake.take()
    await asyncio.wait_for(waiting, 60)
    assert intake.has_room


async def test_what_is_left_is_taken_after_the_close_and_then_none() -> None:
    intake = Batcher(max_events=100, max_seconds=60)
    intake.add(decoded(1))
    taking = asyncio.create_task(taken_within(intake, 30))
    await asyncio.sleep(0.05)
    intake.close()
    assert await taking == [b"x" * 100]
    assert await taken_within(intake, 30) is None


async def test_age() -> None:
    intake = Batcher(max_events=100, max_seconds=60)
    assert intake.age == 0
    intake.add(decoded(1, 0))
    await asyncio.sleep(0.05)
    assert 0.04 < intake.age < 60
