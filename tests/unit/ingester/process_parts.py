"""The parts of a process that its sources share, in memory, with their background tasks."""

import asyncio
from collections.abc import Awaitable, Callable

from sluice_common.ticker import Ticker
from sluice_ingester.app import SILENCE_SECONDS
from sluice_ingester.telemetry.background_task import BackgroundTask
from sluice_ingester.telemetry.health_report import HealthReport
from sluice_ingester.telemetry.heartbeats import Heartbeats
from sluice_ingester.telemetry.metrics import Metrics
from sluice_ingester.writer.cursor_watch import CursorWatch
from sluice_redis.contract import Stream, StreamKeys
from tests.fakes.clock import FakeClock
from tests.fakes.many_sources import FakeManySources
from tests.fakes.redis_sink import FakeRedis, FakeSink


class ProcessParts:
    """What `Process` builds once. `start` runs its background tasks, which end with the event loop."""

    def __init__(self, clock: FakeClock, *sinks: FakeSink) -> None:
        self.clock = clock
        self.metrics = Metrics()
        self.redis = FakeManySources(*sinks)
        self.cursor_watch = CursorWatch(self.redis, clock=clock)
        self.ticker = Ticker(seconds=SILENCE_SECONDS, clock=clock)
        self.heartbeats = Heartbeats(self.redis, clock=clock)
        self._tasks: list[asyncio.Task[None]] = []

    def report(self, keys: StreamKeys) -> HealthReport:
        """The report of a source of this process."""
        return HealthReport(keys.host, metrics=self.metrics, pod="", version="", clock=self.clock)

    def start(self) -> None:
        for step in (self.cursor_watch.step, self.ticker.step):
            self.repeat(step)

    def repeat(self, step: Callable[[], Awaitable[None]]) -> BackgroundTask:
        failures = self.metrics.background_task_failures.labels("test")
        made = BackgroundTask("test", step, failures=failures, clock=self.clock)
        self._tasks.append(asyncio.create_task(made.run()))
        return made

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def label_sinks(number: int, clock: FakeClock) -> list[FakeSink]:
    """The sinks of the labelers `0`, `1`, ... in one Redis."""
    redis = FakeRedis()
    keys = [StreamKeys(stream=Stream.LABELS, host=str(number)) for number in range(number)]
    return [FakeSink(redis, one, clock=clock) for one in keys]
