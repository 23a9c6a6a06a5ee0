"""A source whose settings are invalid: it is halted, and its health hash says why."""

import asyncio

from sluice_ingester.telemetry.health_report import HealthReport


class InvalidSource:
    """Reads nothing. It is a SourceTask."""

    def __init__(self, report: HealthReport, problem: str) -> None:
        self.report = report
        self._problem = problem
        self._stopping = asyncio.Event()

    @property
    def buffered(self) -> tuple[int, int]:
        """It holds no events."""
        return 0, 0

    @property
    def is_stuck(self) -> bool:
        """It waits for a person, and not for nothing."""
        return False

    def stop(self) -> None:
        """Let `run` return."""
        self._stopping.set()

    async def run(self) -> None:
        """Report the problem, and wait for `stop`."""
        self.report.halted("InvalidSettings", self._problem)
        await self._stopping.wait()
        self.report.stopped()
