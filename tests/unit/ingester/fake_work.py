"""A source task without a source: it runs until it is stopped, and does what a test says."""

import asyncio

from sluice_common.clock import Clock
from sluice_ingester.source_spec import SourceSpec
from sluice_ingester.telemetry.health_report import HealthReport
from sluice_ingester.telemetry.metrics import Metrics

METRICS = Metrics()


class FakeWork:
    """`is_stuck` is set by the test. `flushes`: `stop` ends it. `ignores_cancel`: nothing does."""

    def __init__(self, spec: SourceSpec, clock: Clock) -> None:
        self.spec = spec
        self.report = HealthReport(spec.address.host, metrics=METRICS, pod="", version="", clock=clock)
        self.is_stuck = False
        self.flushes = True
        self.ignores_cancel = False
        self.was_cancelled = False
        self.stopped = asyncio.Event()
        self.end = asyncio.Event()
        self.buffered = (0, 0)

    def stop(self) -> None:
        self.stopped.set()
        if self.flushes:
            self.end.set()

    async def run(self) -> None:
        while True:
            try:
                await self.end.wait()
            except asyncio.CancelledError:
                self.was_cancelled = True
                if not self.ignores_cancel:
                    raise
            else:
                return
