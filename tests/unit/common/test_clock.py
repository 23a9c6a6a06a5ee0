"""The contract of every Clock: the system's, and those of the tests."""

import asyncio
from collections.abc import Coroutine
from datetime import UTC, timedelta
from typing import Any, TypeVar

import pytest

from sluice_common.clock import Clock, SystemClock, wait_until_set
from tests.fakes.clock import FakeClock, settle
from tests.fakes.stepped_clock import SteppedClock

T = TypeVar("T")


@pytest.fixture(params=[SystemClock, FakeClock])
def clock(request: pytest.FixtureRequest) -> Clock:
    made: Clock = request.param()
    return made


async def while_time_passes(clock: Clock, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, while time passes."""
    task = asyncio.create_task(work)
    if isinstance(clock, FakeClock):
        await clock.advance_until(task.done)
    return await task


@pytest.mark.parametrize("made", [SystemClock, FakeClock, SteppedClock])
async def test_a_sleep_advances_monotonic_time_and_time_of_day(made: type[Clock]) -> None:
    clock = made()
    monotonic, now = clock.monotonic(), clock.now()
    await while_time_passes(clock, clock.sleep(0.02))
    assert clock.monotonic() - monotonic >= 0.0199
    assert clock.now() - now >= timedelta(seconds=0.019)  # the time of day may be adjusted meanwhile


@pytest.mark.parametrize("made", [SystemClock, FakeClock, SteppedClock])
async def test_the_time_of_day_is_in_utc(made: type[Clock]) -> None:
    assert made().now().tzinfo is UTC


@pytest.mark.parametrize("seconds", [0.0, -1.0])
async def test_a_sleep_of_no_time_lets_other_tasks_run(clock: Clock, seconds: float) -> None:
    ran: list[object] = []
    asyncio.get_running_loop().call_soon(ran.append, object())
    await clock.sleep(seconds)
    assert len(ran) == 1


async def test_sleepers_wake_in_the_order_of_their_times(clock: Clock) -> None:
    woken: list[float] = []

    async def sleeper(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(seconds)

    await while_time_passes(clock, _all(sleeper(0.06), sleeper(0.02), sleeper(0.04)))
    assert woken == [0.02, 0.04, 0.06]


async def test_a_cancelled_sleep_ends_at_once(clock: Clock) -> None:
    task = asyncio.create_task(clock.sleep(3600))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_waiting_for_an_event_ends_with_it_or_with_the_time(clock: Clock) -> None:
    event = asyncio.Event()
    assert not await while_time_passes(clock, wait_until_set(event, seconds=0.02, clock=clock))
    asyncio.get_running_loop().call_soon(event.set)
    assert await wait_until_set(event, seconds=3600, clock=clock)
    assert await wait_until_set(event, seconds=0, clock=clock)


async def test_the_fake_changes_only_when_advanced() -> None:
    clock = FakeClock()
    task = asyncio.create_task(clock.sleep(10))
    await clock.advance(9.9)
    assert not task.done()
    await clock.advance(0.1)
    assert task.done()
    assert clock.monotonic() == pytest.approx(1010)


async def test_the_fake_wakes_tasks_that_start_to_sleep_during_an_advance() -> None:
    clock, ticks = FakeClock(), []

    async def tick() -> None:
        while True:
            await clock.sleep(1)
            ticks.append(clock.monotonic())

    task = asyncio.create_task(tick())
    await clock.advance(3.5)
    assert ticks == [1001, 1002, 1003]
    task.cancel()
    await settle()


async def _all(*works: Coroutine[Any, Any, None]) -> None:
    await asyncio.gather(*works)
