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

from sluice_common.text import readable
from sluice_ingester.pipeline.batch import Batch
from sluice_ingester.telemetry.metrics import Metrics
from sluice_redis.contract import Health, State
from sluice_redis.sink.append import timestamp
from sluice_redis.sink.errors import SinkReason, Trouble

_RATE_SECONDS: Final = 60.0
_RATE_KNOWN_SECONDS: Final = 3.0
_READ_UP_SECONDS: Final = 60.0
_SAY_AGAIN_SECONDS: Final = 10.0
_MOST_TEXT: Final = 2000


@dataclass(frozen=True, slots=True)
class Condition:
    """A state with the reason for it: CamelCase for machines, a sentence for people."""

    state: State
    reason: str = ""
    message: str = ""

    def __post_init__(self) -> None:
        """A message may quote anybody."""
        object.__setattr__(self, "message", readable(self.message, most=_MOST_TEXT))


class Report:
    """The truth about one source. A trouble of the sink hides what the connection does meanwhile.

    `connected_for` is how many seconds the last connection lasted; 0 if it never came about. `disconnected_at`
    is when the last one ended, empty if there was none.
    """

    def __init__(self, source: str, *, metrics: Metrics, pod: str, version: str, rests: bool = False) -> None:
        """`rests`: the source is one that is quiet for long, as labelers are."""
        self.source = source
        self._rests = rests
        self.metrics = metrics
        self.changed = asyncio.Event()
        self.connected = False
        self.ever_connected = False
        self.connected_for = 0.0
        self.disconnected_at = ""
        self._connected_at = 0.0
        self._log = logging.getLogger("sluice_ingester.source")
        self._connection = Condition(State.CONNECTING)
        self._sink: Condition | None = None
        self._since = timestamp()
        self._constant: dict[str, str] = {
            Health.STARTED: self._since,
            Health.POD: readable(pod, most=253),
            Health.VERSION: version,
        }
        self._stored = 0
        self._rate: deque[tuple[float, int]] = deque([(time.monotonic(), 0)])
        self._reconnects = self._fenced = self._errors = 0
        self._last_error: tuple[str, str] = ("", "")
        self._lag = 0.0
        self._lag_at = self._away_at = time.monotonic()
        self._said: dict[str, float] = {}
        self._unsaid = 0

    @property
    def condition(self) -> Condition:
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
        now, streaming = time.monotonic(), self.condition.state is State.STREAMING
        if self._rests and now - self._lag_at > _READ_UP_SECONDS:
            return 0.0 if streaming else now - self._away_at
        return self._lag if streaming else self._lag + now - self._lag_at

    def connecting(self) -> None:
        """A connection is being opened."""
        self.connected_for = 0.0
        self._set(connection=Condition(State.CONNECTING), sink=self._sink)

    def connected_from(self, cursor: str | None) -> None:
        """The connection is open, from `cursor` on."""
        if self.ever_connected:
            self._reconnects += 1
            self.metrics.reconnects.labels(self.source).inc()
        self.connected = self.ever_connected = True
        self._connected_at = time.monotonic()
        self._say(
            logging.INFO,
            f"connected to {self.source}, from {'now' if cursor is None else f'cursor {cursor}'} on",
        )

    def streaming(self) -> None:
        """The source goes on from the cursor."""
        self._set(connection=Condition(State.STREAMING), sink=self._sink)

    def listing(self) -> None:
        """The source answers, page by page."""
        self.ever_connected = True
        self._set(connection=Condition(State.STREAMING), sink=self._sink)

    def done(self) -> None:
        """The listing has come to its end."""
        self.ever_connected = True
        self._set(connection=Condition(State.DONE), sink=self._sink)

    def disconnected(self) -> None:
        """The connection is closed; why, is said by what follows."""
        self.connected = False
        self.connected_for = time.monotonic() - self._connected_at
        self.disconnected_at = timestamp()

    def waiting(self, reason: str, message: str, *, seconds: float) -> None:
        """The source failed; the next try comes in `seconds`."""
        self.error(reason, message, then=f"; trying again in {seconds:.1f} s")
        self._set(connection=Condition(State.WAITING, reason, message), sink=self._sink)

    def halted(self, reason: str, message: str) -> None:
        """Nothing goes on until a person acts."""
        self.error(reason, message, then="; halted")
        self._set(connection=Condition(State.HALTED, reason, message), sink=None)

    def stopped(self) -> None:
        """The process ends in good order."""
        self._set(connection=Condition(State.STOPPED), sink=None)

    def full(self, message: str, *, reason: SinkReason = SinkReason.HIGH_WATER_MARK) -> None:
        """The stream is at its high-water mark."""
        if self._sink is None or self._sink.reason != reason:
            self._say(logging.WARNING, message)
        self._set(connection=self._connection, sink=Condition(State.BACKPRESSURE, reason, message))

    def trouble(self, trouble: Trouble) -> None:
        """Redis did not take a batch, or did not answer."""
        self.error(trouble.reason, trouble.message)
        state = State.HALTED if trouble.lasting else State.BACKPRESSURE
        self._set(connection=self._connection, sink=Condition(state, trouble.reason, trouble.message))

    def taken(self) -> None:
        """Redis answers as it should."""
        if self._sink is not None:
            self._say(logging.INFO, f"{self.source}: Redis takes events again (it was: {self._sink.reason})")
        self._set(connection=self._connection, sink=None)

    def fence(self, message: str) -> None:
        """The cursor was set by another hand."""
        self._fenced += 1
        self.metrics.fenced.labels(self.source).inc()
        self._say(logging.WARNING, message)
        self.changed.set()

    def stored(self, batch: Batch, *, seconds: float, duplicates: int = 0) -> None:
        """A batch was stored, in `seconds`, but for `duplicates` of its events."""
        self.metrics.count("firehose_filtered_operations", batch.filtered)
        self.metrics.stored(self.source, batch, duplicates=duplicates)
        self.metrics.append_seconds.labels(self.source).observe(seconds)
        self._stored += len(batch.events) - duplicates
        for letter in batch.dead:
            what = letter.detail if letter.seq is None else f"seq {letter.seq}"
            self.error(letter.reason, f"{what or self.source}: {letter.message}", then=" (kept as a dead letter)")
        if batch.time is not None:
            self._lag = max(0.0, time.time() - datetime.fromisoformat(batch.time).timestamp())
            self._lag_at = time.monotonic()

    def error(self, kind: str, message: str, *, then: str = "") -> None:
        """Count an error; log it, but a kind no more often than every 10 s."""
        message = readable(message, most=_MOST_TEXT)
        self._errors += 1
        self._last_error = (message, timestamp())
        self.changed.set()
        self.metrics.error(self.source, kind)
        now = time.monotonic()
        if now - self._said.get(kind, -_SAY_AGAIN_SECONDS) < _SAY_AGAIN_SECONDS:
            self._unsaid += 1
            return
        more = f" ({self._unsaid} errors since the last line are not shown)" if self._unsaid else ""
        self._said[kind] = now
        self._unsaid = 0
        self._say(logging.ERROR, f"{message}{then}{more}", kind=kind)

    def note(self, message: str) -> None:
        """Log something worth knowing that is no error."""
        self._say(logging.WARNING, message)

    def fields(self) -> dict[str, str]:
        """The ingester's own fields of the health hash."""
        condition = self.condition
        return {
            **self._constant,
            Health.STATE: condition.state,
            Health.REASON: condition.reason,
            Health.MESSAGE: condition.message,
            Health.SINCE: self._since,
            Health.BEAT: timestamp(),
            Health.RATE: self._events_per_second(),
            Health.RECONNECTS: str(self._reconnects),
            Health.FENCED: str(self._fenced),
            Health.ERRORS: str(self._errors),
            Health.LAST_ERROR: self._last_error[0],
            Health.LAST_ERROR_TIME: self._last_error[1],
        }

    def _events_per_second(self) -> str:
        """Unknown at first: a mean over the start alone would say that nothing comes."""
        now = time.monotonic()
        while len(self._rate) > 1 and now - self._rate[1][0] >= _RATE_SECONDS:
            self._rate.popleft()
        began, before = self._rate[0]
        if now - self._rate[-1][0] >= 1.0:
            self._rate.append((now, self._stored))
        return f"{(self._stored - before) / (now - began):.1f}" if now - began >= _RATE_KNOWN_SECONDS else ""

    def _set(self, *, connection: Condition, sink: Condition | None) -> None:
        before = self.condition
        self._connection, self._sink = connection, sink
        if self.condition != before:
            if self.condition.state is not before.state:
                self._since = timestamp()
                if before.state is State.STREAMING:
                    self._away_at = time.monotonic()
            self.changed.set()

    def _say(self, level: int, message: str, *, kind: str = "") -> None:
        extra = {"source": self.source, **({"kind": kind} if kind else {})}
        self._log.log(level, "%s", readable(message, most=2 * _MOST_TEXT), extra=extra)
