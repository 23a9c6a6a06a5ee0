"""What runs beside the streams: its faults are told, counted, and end nothing."""

import asyncio
import contextlib
import logging

import pytest
from prometheus_client import generate_latest

from sluice_ingester.telemetry import background_task
from sluice_ingester.telemetry.background_task import BackgroundTask
from sluice_ingester.telemetry.metrics import Metrics


async def run(turn: object, *, until: asyncio.Event) -> tuple[BackgroundTask, str]:
    metrics = Metrics()
    one = BackgroundTask("beat", turn, failures=metrics.background_task_failures.labels("beat"))  # type: ignore[arg-type]
    task = asyncio.create_task(one.run())
    async with asyncio.timeout(60):
        await until.wait()
    assert not task.done()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return one, generate_latest(metrics.registry).decode()


async def test_a_fault_ends_nothing_and_is_told_once_of_its_kind(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(background_task, "PAUSE_SECONDS", 0.0)
    faults: list[Exception] = [ValueError("a"), ValueError("b"), TypeError("c")]
    worked = asyncio.Event()

    async def turn() -> None:
        if faults:
            raise faults.pop()
        worked.set()
        await asyncio.sleep(60)

    with caplog.at_level(logging.ERROR):
        _, metrics = await run(turn, until=worked)
    assert 'sluice_ingester_helper_failures_total{helper="beat"} 3.0' in metrics
    assert [record.__dict__["kind"] for record in caplog.records] == ["TypeError", "ValueError"]
    assert all("beat fails" in record.message and record.exc_info for record in caplog.records)


async def test_one_that_only_fails_is_broken_until_it_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background_task, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(background_task, "BROKEN_SECONDS", 0.0)
    seen: list[bool] = []
    enough = asyncio.Event()

    async def turn() -> None:
        seen.append(one.is_broken)
        if len(seen) < 3:
            raise OSError
        if len(seen) == 4:
            enough.set()
            await asyncio.sleep(60)

    one = BackgroundTask("beat", turn, failures=Metrics().background_task_failures.labels("beat"))
    task = asyncio.create_task(one.run())
    async with asyncio.timeout(60):
        await enough.wait()
    task.cancel()
    assert seen == [False, True, True, False]
