"""The ticker: who is called, and whom an error affects."""

import asyncio

import pytest

from sluice_common.ticker import Ticker
from tests.fakes.clock import FakeClock


async def test_all_functions_are_called_at_each_tick_while_they_are_wanted() -> None:
    clock, called = FakeClock(), list[str]()
    ticker = Ticker(seconds=1.0, clock=clock)
    with ticker.calling(lambda: called.append("a")):
        with ticker.calling(lambda: called.append("b")):
            await _tick(ticker, clock)
        await _tick(ticker, clock)
    await _tick(ticker, clock)
    assert sorted(called) == ["a", "a", "b"]


async def test_an_error_in_one_function_is_raised_after_all_were_called() -> None:
    clock, called = FakeClock(), list[str]()
    ticker = Ticker(seconds=1.0, clock=clock)

    def fail() -> None:
        called.append("bad")
        raise ValueError("bad")

    with ticker.calling(fail), ticker.calling(lambda: called.append("good")), pytest.raises(ValueError, match="bad"):
        await _tick(ticker, clock)
    assert sorted(called) == ["bad", "good"]


async def _tick(ticker: Ticker, clock: FakeClock) -> None:
    step = asyncio.create_task(ticker.step())
    await clock.advance(1.0)
    assert step.done()
    await step
