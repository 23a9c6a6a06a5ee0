"""Background tasks: their errors are logged and counted, and end nothing."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest
from prometheus_client import generate_latest

from sluice_ingester.telemetry.background_task import BROKEN_SECONDS, PAUSE_SECONDS, BackgroundTask
from sluice_ingester.telemetry.metrics import Metrics
from tests.fakes.clock import FakeClock


def started(
    clock: FakeClock, step: Callable[[], Awaitable[None]]
) -> tuple[BackgroundTask, "asyncio.Task[None]", Metrics]:
    metrics = Metrics()
    made = BackgroundTask("beat", step, failures=metrics.background_task_failures.labels("beat"), clock=clock)
    return made, asyncio.create_task(made.run()), metrics


async def test_an_error_does_not_end_the_task_and_is_logged_once_a_kind(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    errors: list[Exception] = [ValueError("a"), ValueError("b"), TypeError("c")]
    steps: list[float] = []

    async def step() -> None:
        if errors:
            raise errors.pop()
        steps.append(clock.monotonic())
        await clock.sleep(60)

    with caplog.at_level(logging.ERROR):
        _, task, metrics = started(clock, step)
        await clock.advance(3 * PAUSE_SECONDS)
    assert not task.done()
    assert len(steps) == 1
    task.cancel()
    text = generate_latest(metrics.registry).decode()
    assert 'sluice_ingester_helper_failures_total{helper="beat"} 3.0' in text
    assert [record.__dict__["kind"] for record in caplog.records] == ["TypeError", "ValueError"]
    assert all("beat fails" in record.message and record.exc_info for record in caplog.records)


async def test_a_task_that_keeps_failing_is_broken_until_it_succeeds() -> None:
    clock = FakeClock()
    works = False

    async def step() -> None:
        if not works:
            raise OSError
        await clock.sleep(1)

    made, task, _ = started(clock, step)
    await clock.advance(BROKEN_SECONDS - 1)
    assert not made.is_broken
    await clock.advance(2)
    assert made.is_broken
    works = True
    await clock.advance(PAUSE_SECONDS + 1)
    assert not made.is_broken
    await clock.advance(BROKEN_SECONDS)
    assert not made.is_broken
    task.cancel()
