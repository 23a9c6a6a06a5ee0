"""What an ingester says about one source: to Redis (for the operator), to Prometheus, to the log.

The pipeline tells it what happens; it keeps no I/O of its own.
"""

import asyncio
import logging
import time
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sluice_common.text import sanitize
from sluice_ingester.pipeline.batch import Batch
from sluice_ingester.telemetry.metrics import Metrics
from sluice_redis.contract import HealthField, SourceState
from sluice_redis.sink.append import timestamp
from sluice_redis.sink.errors import SinkFailure, SinkReason

_RATE_SECONDS: Final = 60.0
_MIN_RATE_SECONDS: Final = 3.0
_CAUGHT_UP_SECONDS: Final = 60.0
_LOG_INTERVAL_SECONDS: Final = 10.0
_MAX_MESSAGE: Final = 2000


@dataclass(frozen=True, slots=True)
class SourceCondition:
    """A state with the reason for it: CamelCase for machines, a sentence for people."""

    state: SourceState
    reason: str = ""
    message: str = ""

    def __post_init__(self) -> None:
        """A message may quote anybody."""
        object.__setattr__(self, "message", sanitize(self.message, max_length=_MAX_MESSAGE))


class HealthReport:
    """The truth about one source. A trouble of the sink hides what the connection does meanwhile.

    `connected_for` is how many seconds the last connection lasted; 0 if it never came about. `disconnected_at`
    is when the last one ended, empty if there was none.
    """

    def __init__(self, source: str, *, metrics: Metrics, pod: str, version: str, often_quiet: bool = False) -> None:
        """`rests`: the source is one that is quiet for long, as labelers are."""
        self.source = source
        self._often_quiet = often_quiet
        self.metrics = metrics
        self.changed = asyncio.Event()
        self.connected = False
        self.ever_connected = False
        self.connected_for = 0.0
        self.disconnected_at = ""
        self._connected_at = 0.0
        self._logger = logging.getLogger("sluice_ingester.source")
        self._connection = SourceCondition(SourceState.CONNECTING)
        self._sink: SourceCondition | None = None
        self._since = timestamp()
        self._constant: dict[str, str] = {
            HealthField.STARTED: self._since,
            HealthField.POD: sanitize(pod, max_length=253),
            HealthField.VERSION: version,
        }
        self._stored_events = 0
        self._rate_samples: deque[tuple[float, int]] = deque([(time.monotonic(), 0)])
        self._reconnects = self._fenced = self._errors = 0
        self._last_error: tuple[str, str] = ("", "")
        self._lag = 0.0
        self._lag_measured_at = self._streaming_ended_at = time.monotonic()
        self._logged_at: dict[str, float] = {}
        self._suppressed = 0

    @property
    def condition(self) -> SourceCondition:
        """What holds now."""
        return self._sink or self._connection

    @property
    def in_backpressure(self) -> bool:
        """Whether the source is not read because Redis takes nothing."""
        return self._sink is not None

    @property
    def lag(self) -> float:
        """Seconds that the newest stored event was old when it was stored, and more while nothing is.

        A quiet source that we are connected to is not behind. One that rests for long is read up to its
        newest once it has been quiet for a moment, however old that is.
        """
        now, streaming = time.monotonic(), self.condition.state is SourceState.STREAMING
        if self._often_quiet and now - self._lag_measured_at > _CAUGHT_UP_SECONDS:
            return 0.0 if streaming else now - self._streaming_ended_at
        return self._lag if streaming else self._lag + now - self._lag_measured_at

    def connecting(self) -> None:
        """A connection is being opened."""
        self.connected_for = 0.0
        self._set_conditions(connection=SourceCondition(SourceState.CONNECTING), sink=self._sink)

    def connected_from(self, cursor: str | None) -> None:
        """The connection is open, from `cursor` on."""
        if self.ever_connected:
            self._reconnects += 1
            self.metrics.reconnects.labels(self.source).inc()
        self.connected = self.ever_connected = True
        self._connected_at = time.monotonic()
        self._write_log(
            logging.INFO,
            f"connected to {self.source}, from {'now' if cursor is None else f'cursor {cursor}'} on",
        )

    def streaming(self) -> None:
        """The source goes on from the cursor."""
        self._set_conditions(connection=SourceCondition(SourceState.STREAMING), sink=self._sink)

    def listing(self) -> None:
        """The source answers, page by page."""
        self.ever_connected = True
        self._set_conditions(connection=SourceCondition(SourceState.STREAMING), sink=self._sink)

    def done(self) -> None:
        """The listing has come to its end."""
        self.ever_connected = True
        self._set_conditions(connection=SourceCondition(SourceState.DONE), sink=self._sink)

    def disconnected(self) -> None:
        """The connection is closed; why, is said by what follows."""
        self.connected = False
        self.connected_for = time.monotonic() - self._connected_at
        self.disconnected_at = timestamp()

    def waiting(self, reason: str, message: str, *, seconds: float) -> None:
        """The source failed; the next try comes in `seconds`."""
        self.error(reason, message, suffix=f"; trying again in {seconds:.1f} s")
        self._set_conditions(connection=SourceCondition(SourceState.WAITING, reason, message), sink=self._sink)

    def halted(self, reason: str, message: str) -> None:
        """Nothing goes on until a person acts."""
        self.error(reason, message, suffix="; halted")
        self._set_conditions(connection=SourceCondition(SourceState.HALTED, reason, message), sink=None)

    def stopped(self) -> None:
        """The process ends in good order."""
        self._set_conditions(connection=SourceCondition(SourceState.STOPPED), sink=None)

    def stream_full(self, message: str, *, reason: SinkReason = SinkReason.HIGH_WATER_MARK) -> None:
        """The stream is at its high-water mark."""
        if self._sink is None or self._sink.reason != reason:
            self._write_log(logging.WARNING, message)
        self._set_conditions(
            connection=self._connection, sink=SourceCondition(SourceState.BACKPRESSURE, reason, message)
        )

    def sink_failed(self, failure: SinkFailure) -> None:
        """Redis did not take a batch, or did not answer."""
        self.error(failure.reason, failure.message)
        state = SourceState.HALTED if failure.permanent else SourceState.BACKPRESSURE
        self._set_conditions(connection=self._connection, sink=SourceCondition(state, failure.reason, failure.message))

    def sink_recovered(self) -> None:
        """Redis answers as it should."""
        if self._sink is not None:
            self._write_log(logging.INFO, f"{self.source}: Redis takes events again (it was: {self._sink.reason})")
        self._set_conditions(connection=self._connection, sink=None)

    def fenced(self, message: str) -> None:
        """The cursor was set by another hand."""
        self._fenced += 1
        self.metrics.fenced.labels(self.source).inc()
        self._write_log(logging.WARNING, message)
        self.changed.set()

    def batch_stored(self, batch: Batch, *, seconds: float, duplicates: int = 0) -> None:
        """A batch was stored, in `seconds`, but for `duplicates` of its events."""
        self.metrics.increment("firehose_filtered_operations", batch.filtered)
        self.metrics.count_batch(self.source, batch, duplicates=duplicates)
        self.metrics.append_seconds.labels(self.source).observe(seconds)
        self._stored_events += len(batch.events) - duplicates
        for letter in batch.dead_letters:
            what = letter.detail if letter.seq is None else f"seq {letter.seq}"
            self.error(letter.reason, f"{what or self.source}: {letter.message}", suffix=" (kept as a dead letter)")
        if batch.event_time is not None:
            self._lag = max(0.0, time.time() - datetime.fromisoformat(batch.event_time).timestamp())
            self._lag_measured_at = time.monotonic()

    def error(self, kind: str, message: str, *, suffix: str = "") -> None:
        """Count an error; log it, but a kind no more often than every 10 s."""
        message = sanitize(message, max_length=_MAX_MESSAGE)
        self._errors += 1
        self._last_error = (message, timestamp())
        self.changed.set()
        self.metrics.count_error(self.source, kind)
        now = time.monotonic()
        if now - self._logged_at.get(kind, -_LOG_INTERVAL_SECONDS) < _LOG_INTERVAL_SECONDS:
            self._suppressed += 1
            return
        more = f" ({self._suppressed} errors since the last line are not shown)" if self._suppressed else ""
        self._logged_at[kind] = now
        self._suppressed = 0
        self._write_log(logging.ERROR, f"{message}{suffix}{more}", kind=kind)

    def warn(self, message: str) -> None:
        """Log something worth knowing that is no error."""
        self._write_log(logging.WARNING, message)

    def fields(self) -> dict[str, str]:
        """The ingester's own fields of the health hash."""
        condition = self.condition
        return {
            **self._constant,
            HealthField.STATE: condition.state,
            HealthField.REASON: condition.reason,
            HealthField.MESSAGE: condition.message,
            HealthField.SINCE: self._since,
            HealthField.BEAT: timestamp(),
            HealthField.RATE: self._events_per_second(),
            HealthField.RECONNECTS: str(self._reconnects),
            HealthField.FENCED: str(self._fenced),
            HealthField.ERRORS: str(self._errors),
            HealthField.LAST_ERROR: self._last_error[0],
            HealthField.LAST_ERROR_TIME: self._last_error[1],
        }

    def _events_per_second(self) -> str:
        """Unknown at first: a mean over the start alone would say that nothing comes."""
        now = time.monotonic()
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
                self._since = timestamp()
                if before.state is SourceState.STREAMING:
                    self._streaming_ended_at = time.monotonic()
            self.changed.set()

    def _write_log(self, level: int, message: str, *, kind: str = "") -> None:
        extra = {"source": self.source, **({"kind": kind} if kind else {})}
        self._logger.log(level, "%s", sanitize(message, max_length=2 * _MAX_MESSAGE), extra=extra)
