"""The interface of the task that runs for each source: a pipeline or a backfill."""

from typing import Protocol

from sluice_ingester.telemetry.health_report import HealthReport


class SourceTask(Protocol):
    """The ingestion of one source."""

    report: HealthReport

    @property
    def buffered(self) -> tuple[int, int]:
        """Number and bytes of the events that are read and not yet stored."""

    @property
    def is_stuck(self) -> bool:
        """Whether it is stuck: there is no progress for too long, and the reason is unknown."""

    def stop(self) -> None:
        """Read nothing more. `run` returns when everything that was read is stored."""

    async def run(self) -> None:
        """Ingest until `stop`."""
