"""Requests that nobody waits for any longer."""

import asyncio
import gc
import time

import pytest

from sluice_operator.kubernetes.in_flight import InFlightRequests


async def test_an_answer_is_an_answer_and_an_error_an_error() -> None:
    async def refuse() -> None:
        raise ValueError("no")

    under_way = InFlightRequests()
    assert await under_way.run(asyncio.sleep(0, "yes")) == "yes"
    with pytest.raises(ValueError, match="no"):
        await under_way.run(refuse())


@pytest.mark.parametrize("fails", [False, True])
async def test_what_is_cut_off_is_waited_for(caplog: pytest.LogCaptureFixture, *, fails: bool) -> None:
    done: list[str] = []
    answered = asyncio.Event()

    async def write() -> None:
        await answered.wait()
        done.append("written")
        if fails:
            raise ValueError("too late to tell anybody")

    under_way = InFlightRequests()
    asking = asyncio.create_task(under_way.run(write()))
    await asyncio.sleep(0.01)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert done == []
    answered.set()
    await under_way.drain(60)
    assert done == ["written"]
    del asking
    gc.collect()
    assert "never retrieved" not in caplog.text


async def test_what_never_ends_is_cut_off_in_the_end() -> None:
    under_way, cut_off = InFlightRequests(), asyncio.Event()

    async def hang() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            cut_off.set()

    asking = asyncio.create_task(under_way.run(hang()))
    await asyncio.sleep(0.01)
    asking.cancel()
    began = time.monotonic()
    await under_way.drain(0.1)
    assert time.monotonic() - began < 30
    assert cut_off.is_set()


async def test_where_nothing_is_under_way_nothing_is_waited_for() -> None:
    await InFlightRequests().drain(60)
