"""What the process keeps running for each source, whatever the source is."""

from typing import Protocol

from sluice_ingester.telemetry.health_report import HealthReport


class SourceTask(Protocol):
    """The ingestion of one source. `run` it until `stop`."""

    report: HealthReport

    @property
    def buffered(self) -> tuple[int, int]:
        """Events, and bytes of them, that are read and not yet stored."""

    @property
    def is_stuck(self) -> bool:
        """Whether nothing happens for much too long though nothing stands in the way."""

    def stop(self) -> None:
        """Read nothing more; `run` returns when what was read is stored."""

    async def run(self) -> None:
        """Ingest until `stop`."""
