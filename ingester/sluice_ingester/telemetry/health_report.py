"""The state of one source, for the health hash, Prometheus and the log.

Pipeline and backfill report what happens. The report does no I/O except logging.
"""

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sluice_common.clock import SYSTEM_CLOCK, Clock
from sluice_common.text import sanitize
from sluice_common.times import format_time
from sluice_ingester.batches.batch import Batch
from sluice_ingester.telemetry.metrics import Metrics
from sluice_redis.contract import HealthField, SourceState
from sluice_redis.sink.errors import SinkFailure, SinkReason

_RATE_SECONDS: Final = 60.0
_MIN_RATE_SECONDS: Final = 3.0
_CAUGHT_UP_SECONDS: Final = 60.0
_LOG_INTERVAL_SECONDS: Final = 10.0
_MAX_UNKNOWN_TYPES: Final = 20
_MAX_MESSAGE: Final = 2000


@dataclass(frozen=True, slots=True)
class SourceCondition:
    """A state, with its reason in CamelCase for machines, and a message for people."""

    state: SourceState
    reason: str = ""
    message: str = ""

    def __post_init__(self) -> None:
        """Sanitize the message, which may contain foreign text."""
        object.__setattr__(self, "message", sanitize(self.message, max_length=_MAX_MESSAGE))


def _do_nothing() -> None:
    """Nobody writes the health hash."""


class HealthReport:
    """The state of one source. A failure of Redis hides the state of the connection.

    `is_changed` is set when the health hash must be written, and `on_change` is called. `connected_for` is how many
    seconds the last connection lasted, 0 if it could not be opened. `disconnected_at` is when the last one ended, empty
    if there was none.
    `stored_at` is when the newest batch was stored, by the clock's `monotonic`; 0 if none was.
    """

    def __init__(
        self,
        source: str,
        *,
        metrics: Metrics,
        pod: str,
        version: str,
        often_quiet: bool = False,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """`often_quiet`: the source may send nothing for days, like a labeler."""
        self.source = source
        self._clock = clock
        self._often_quiet = often_quiet
        self.metrics = metrics
        self.is_changed = True
        self.on_change: Callable[[], None] = _do_nothing
        self.connected = False
        self.ever_connected = False
        self.connected_for = 0.0
        self.disconnected_at = ""
        self.stored_at = 0.0
        self._connected_at = 0.0
        self._logger = logging.getLogger("sluice_ingester.source")
        self._connection = SourceCondition(SourceState.CONNECTING)
        self._sink: SourceCondition | None = None
        self._since = self._now()
        self._constant: dict[str, str] = {
            HealthField.STARTED: self._since,
            HealthField.POD: sanitize(pod, max_length=253),
            HealthField.VERSION: version,
        }
        self._stored_events = 0
        self._rate_samples: deque[tuple[float, int]] = deque([(self._clock.monotonic(), 0)])
        self._reconnects = self._fenced = self._errors = 0
        self._last_error: tuple[str, str] = ("", "")
        self._lag = 0.0
        self._lag_measured_at = self._streaming_ended_at = self._clock.monotonic()
        self._logged_at: dict[str, float] = {}
        self._suppressed = 0
        self._unknown_types: set[str] = set()

    @property
    def condition(self) -> SourceCondition:
        """The current state."""
        return self._sink or self._connection

    @property
    def in_backpressure(self) -> bool:
        """Whether the source is not read because Redis stores nothing."""
        return self._sink is not None

    @property
    def lag(self) -> float:
        """The age in seconds of the newest stored event when it was stored. It grows while there is no connection.

        A quiet source with a connection is not behind. An often quiet source counts as read to its end after a short
        silence, however old its newest event is.
        """
        now, streaming = self._clock.monotonic(), self.condition.state is SourceState.STREAMING
        if self._often_quiet and now - self._lag_measured_at > _CAUGHT_UP_SECONDS:
            return 0.0 if streaming else now - self._streaming_ended_at
        return self._lag if streaming else self._lag + now - self._lag_measured_at

    def connecting(self) -> None:
        """A connection is being opened."""
        self.connected_for = 0.0
        self._set_conditions(connection=SourceCondition(SourceState.CONNECTING), sink=self._sink)

    def connected_from(self, cursor: str | None) -> None:
        """The connection is open. It was requested with `cursor`."""
        if self.ever_connected:
            self._reconnects += 1
            self.metrics.reconnects.labels(self.source).inc()
        self.connected = self.ever_connected = True
        self._connected_at = self._clock.monotonic()
        self._write_log(
            logging.INFO,
            f"connected to {self.source}, from {'now' if cursor is None else f'cursor {cursor}'} on",
        )

    def streaming(self) -> None:
        """The source sends events from the cursor on."""
        self._set_conditions(connection=SourceCondition(SourceState.STREAMING), sink=self._sink)

    def listing(self) -> None:
        """The source answers with pages."""
        self.ever_connected = True
        self._set_conditions(connection=SourceCondition(SourceState.STREAMING), sink=self._sink)

    def done(self) -> None:
        """The listing has ended."""
        self.ever_connected = True
        self._set_conditions(connection=SourceCondition(SourceState.DONE), sink=self._sink)

    def disconnected(self) -> None:
        """The connection is closed. The next call says why."""
        self.connected = False
        self.connected_for = self._clock.monotonic() - self._connected_at
        self.disconnected_at = self._now()

    def waiting(self, reason: str, message: str, *, seconds: float) -> None:
        """The source failed. The next attempt begins in `seconds`."""
        self.error(reason, message, suffix=f"; trying again in {seconds:.1f} s")
        self._set_conditions(connection=SourceCondition(SourceState.WAITING, reason, message), sink=self._sink)

    def halted(self, reason: str, message: str) -> None:
        """The source is not read until a person acts."""
        self.error(reason, message, suffix="; halted")
        self._set_conditions(connection=SourceCondition(SourceState.HALTED, reason, message), sink=None)

    def stopped(self) -> None:
        """The process shuts down."""
        self._set_conditions(connection=SourceCondition(SourceState.STOPPED), sink=None)

    def stream_full(self, message: str, *, reason: SinkReason = SinkReason.HIGH_WATER_MARK) -> None:
        """The stream is at its high-water mark."""
        if self._sink is None or self._sink.reason != reason:
            self._write_log(logging.WARNING, message)
        self._set_conditions(
            connection=self._connection, sink=SourceCondition(SourceState.BACKPRESSURE, reason, message)
        )

    def sink_failed(self, failure: SinkFailure) -> None:
        """Redis did not store a batch, or did not answer."""
        self.error(failure.reason, failure.message)
        state = SourceState.HALTED if failure.permanent else SourceState.BACKPRESSURE
        self._set_conditions(connection=self._connection, sink=SourceCondition(state, failure.reason, failure.message))

    def sink_recovered(self) -> None:
        """Redis works again."""
        if self._sink is not None:
            self._write_log(logging.INFO, f"{self.source}: Redis stores events again (it was: {self._sink.reason})")
        self._set_conditions(connection=self._connection, sink=None)

    def fenced(self, message: str) -> None:
        """Somebody else has set the cursor."""
        self._fenced += 1
        self.metrics.fenced.labels(self.source).inc()
        self._write_log(logging.WARNING, message)
        self._set_changed()

    def batch_stored(self, batch: Batch, *, seconds: float, duplicates: int = 0) -> None:
        """A batch was stored within `seconds`, without `duplicates` of its events."""
        self.metrics.increment("firehose_filtered_operations", batch.filtered)
        self.metrics.count_batch(self.source, batch, duplicates=duplicates)
        self.metrics.append_seconds.labels(self.source).observe(seconds)
        self._stored_events += len(batch.events) - duplicates
        self.stored_at = self._clock.monotonic()
        for letter in batch.dead_letters:
            what = letter.detail if letter.seq is None else f"seq {letter.seq}"
            self.error(letter.reason, f"{what or self.source}: {letter.message}", suffix=" (kept as a dead letter)")
        if batch.event_time is not None:
            self._lag = max(0.0, (self._clock.now() - datetime.fromisoformat(batch.event_time)).total_seconds())
            self._lag_measured_at = self._clock.monotonic()

    def error(self, kind: str, message: str, *, suffix: str = "") -> None:
        """Count an error, and log it. Each kind is logged at most every 10 s."""
        message = sanitize(message, max_length=_MAX_MESSAGE)
        self._errors += 1
        self._last_error = (message, self._now())
        self._set_changed()
        self.metrics.count_error(self.source, kind)
        now = self._clock.monotonic()
        if now - self._logged_at.get(kind, -_LOG_INTERVAL_SECONDS) < _LOG_INTERVAL_SECONDS:
            self._suppressed += 1
            return
        more = f" ({self._suppressed} errors since the last line are not shown)" if self._suppressed else ""
        self._logged_at[kind] = now
        self._suppressed = 0
        self._write_log(logging.ERROR, f"{message}{suffix}{more}", kind=kind)

    def warn(self, message: str) -> None:
        """Log a warning that is not counted as an error."""
        self._write_log(logging.WARNING, message)

    def unknown_message(self, message_type: str) -> None:
        """A message of a type that Sluice does not know was ignored. Count it, and log each type once."""
        self.metrics.unknown_messages.labels(self.source).inc()
        if message_type not in self._unknown_types and len(self._unknown_types) < _MAX_UNKNOWN_TYPES:
            self._unknown_types.add(message_type)
            self.warn(
                f"{self.source} sends messages of the type {message_type!r}, which this version "
                "does not know: they are ignored, and counted in sluice_ingester_unknown_messages_total"
            )

    def fields(self) -> dict[str, str]:
        """The ingester's own fields of the health hash."""
        condition = self.condition
        return {
            **self._constant,
            HealthField.STATE: condition.state,
            HealthField.REASON: condition.reason,
            HealthField.MESSAGE: condition.message,
            HealthField.SINCE: self._since,
            HealthField.BEAT: self._now(),
            HealthField.RATE: self._events_per_second(),
            HealthField.RECONNECTS: str(self._reconnects),
            HealthField.FENCED: str(self._fenced),
            HealthField.ERRORS: str(self._errors),
            HealthField.LAST_ERROR: self._last_error[0],
            HealthField.LAST_ERROR_TIME: self._last_error[1],
        }

    def _events_per_second(self) -> str:
        """Empty in the first seconds: their mean would suggest that no events arrive."""
        now = self._clock.monotonic()
        while len(self._rate_samples) > 1 and now - self._rate_samples[1][0] >= _RATE_SECONDS:
            self._rate_samples.popleft()
        began, before = self._rate_samples[0]
        if now - self._rate_samples[-1][0] >= 1.0:
            self._rate_samples.append((now, self._stored_events))
        return f"{(self._stored_events - before) / (now - began):.1f}" if now - began >= _MIN_RATE_SECONDS else ""

    def _set_conditions(self, *, connection: SourceCondition, sink: SourceCondition | None) -> None:
        before = self.condition
        self._connection, self._sink = connection, sink
        if self.condition != before:
            if self.condition.state is not before.state:
                self._since = self._now()
                if before.state is SourceState.STREAMING:
                    self._streaming_ended_at = self._clock.monotonic()
            self._set_changed()

    def _set_changed(self) -> None:
        self.is_changed = True
        self.on_change()

    def _now(self) -> str:
        return format_time(self._clock.now())

    def _write_log(self, level: int, message: str, *, kind: str = "") -> None:
        extra = {"source": self.source, **({"kind": kind} if kind else {})}
        self._logger.log(level, "%s", sanitize(message, max_length=2 * _MAX_MESSAGE), extra=extra)
