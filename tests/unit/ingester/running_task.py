"""A source task that a test runs and ends as a kill would: the same for the pipeline and the backfill."""

import asyncio

from sluice_ingester.telemetry.health_report import HealthReport


class RunningTask:
    """Base of a stage that sets `report` and `task` when it starts."""

    report: HealthReport
    task: asyncio.Task[None]

    async def kill(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    @property
    def state(self) -> tuple[str, str]:
        return self.report.condition.state, self.report.condition.reason
