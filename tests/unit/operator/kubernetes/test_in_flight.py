"""Requests in flight when their caller is cancelled."""

import asyncio
import gc
import time

import pytest

from sluice_operator.kubernetes.in_flight import InFlightRequests


async def test_the_caller_gets_the_answer_or_the_error() -> None:
    async def refuse() -> None:
        raise ValueError("no")

    in_flight = InFlightRequests()
    assert await in_flight.run(asyncio.sleep(0, "yes")) == "yes"
    with pytest.raises(ValueError, match="no"):
        await in_flight.run(refuse())


@pytest.mark.parametrize("fails", [False, True])
async def test_draining_waits_for_a_request_whose_caller_was_cancelled(
    caplog: pytest.LogCaptureFixture, *, fails: bool
) -> None:
    done: list[str] = []
    answered = asyncio.Event()

    async def write() -> None:
        await answered.wait()
        done.append("written")
        if fails:
            raise ValueError("no caller is left")

    in_flight = InFlightRequests()
    caller = asyncio.create_task(in_flight.run(write()))
    await asyncio.sleep(0.01)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert done == []
    answered.set()
    await in_flight.drain(60)
    assert done == ["written"]
    del caller
    gc.collect()
    assert "never retrieved" not in caplog.text


async def test_a_request_without_an_answer_is_cancelled_after_the_timeout() -> None:
    in_flight, cut_off = InFlightRequests(), asyncio.Event()

    async def hang() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            cut_off.set()

    caller = asyncio.create_task(in_flight.run(hang()))
    await asyncio.sleep(0.01)
    caller.cancel()
    began = time.monotonic()
    await in_flight.drain(0.1)
    assert time.monotonic() - began < 30
    assert cut_off.is_set()


async def test_draining_without_requests_does_not_wait() -> None:
    await InFlightRequests().drain(60)
