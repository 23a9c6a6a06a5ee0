"""Other ingesters that write the same stream."""

from dataclasses import dataclass

from sluice_operator.observed.facts.health import HealthFacts


@dataclass(frozen=True, kw_only=True, slots=True)
class ForeignWriter:
    """An ingester that has reported recently and runs in no pod of the stream."""

    name: str
    """The name that it reports: that of its pod or host."""
    writing_seconds: float
    """For how many seconds it has written since no pod of that name was found."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WriterFacts:
    """Other ingesters than the one whose report is in Redis now."""

    reports: tuple[HealthFacts, ...] = ()
    """The last report of each."""
    foreign: tuple[ForeignWriter, ...] = ()
    """Ingesters that run in no pod of the stream, including that of the report in Redis."""
