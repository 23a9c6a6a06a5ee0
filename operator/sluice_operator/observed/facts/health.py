"""What an ingester reports about itself in the health hash of its stream."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sluice_operator.observed.report_age import FRESH_SECONDS
from sluice_redis.contract import SourceState


@dataclass(frozen=True, kw_only=True, slots=True)
class GapFacts:
    """Seqs that the source could not give, or that nobody could request between two connections without a cursor."""

    from_seq: str | None
    to_seq: str | None
    from_time: datetime | None
    to_time: datetime | None
    at: datetime | None
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CursorResetFacts:
    """The newest reset of the cursor by spec.cursor."""

    nonce: str
    before: str | None
    after: str
    at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class HealthFacts:
    """What an ingester wrote about itself (`contract.HealthField`). Fields that it did not write are None or
    empty.
    """

    pod: str
    state: SourceState | None
    reason: str
    message: str
    seq: str | None
    event_time: datetime | None
    stored: datetime | None
    heartbeat: datetime | None
    silent_seconds: float | None
    """For how many seconds it has not written, as far as known: see `observed.report_age`."""
    watched_seconds: float | None = None
    """For how many seconds its first known heartbeat has not changed: then `silent_seconds` depends on its clock, which
    may be wrong. None after a change.
    """
    started: datetime | None
    events: int | None
    dead_letters: int | None
    rate: float | None
    reconnects: int | None
    fenced: int | None
    errors: int | None
    last_error: str
    last_error_time: datetime | None
    version: str
    gap: GapFacts | None = None
    cursor_reset: CursorResetFacts | None = None

    def later(self, seconds: float) -> "HealthFacts":
        """The same report after so many seconds. If the ingester reports now, it still does then."""
        if self.silent_seconds is None or self.heartbeat is None:
            return self
        if self.silent_seconds <= FRESH_SECONDS:
            return replace(self, heartbeat=self.heartbeat + timedelta(seconds=seconds))
        watched = None if self.watched_seconds is None else self.watched_seconds + seconds
        return replace(self, silent_seconds=self.silent_seconds + seconds, watched_seconds=watched)
