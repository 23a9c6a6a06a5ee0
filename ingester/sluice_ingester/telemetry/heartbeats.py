"""Writing the health hashes of all sources of a process.

A hash is written after a change, and at least every five seconds. All that are due share one round trip.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sluice_common.clock import SYSTEM_CLOCK, Clock, wait_until_set
from sluice_ingester.telemetry.health_report import HealthReport
from sluice_redis.contract import StreamKeys
from sluice_redis.sink.many_sources import ManySources

HEARTBEAT_SECONDS: Final = 5.0
"""The longest time between two writes."""
_EARLY_SECONDS: Final = 1.0
"""How much earlier a hash may be written than it is due, so that it shares a round trip."""
_MIN_INTERVAL_SECONDS: Final = 0.2
_RETRY_SECONDS: Final = 1.0


@dataclass(eq=False, slots=True)
class _Beat:
    """The writes of one source. Times are those of the clock's `monotonic`."""

    report: HealthReport
    keys: StreamKeys
    due_at: float
    """When it must be written if nothing changes."""
    not_before: float
    """Until then it is not written again, even after a change."""

    @property
    def next_at(self) -> float:
        return self.not_before if self.report.is_changed else max(self.due_at, self.not_before)


class Heartbeats:
    """Writes the health hashes. Run `step` again and again."""

    def __init__(self, redis: ManySources, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self._redis = redis
        self._clock = clock
        self._beats: dict[HealthReport, _Beat] = {}
        self._changed = asyncio.Event()
        self._writing = asyncio.Lock()

    def add(self, report: HealthReport, keys: StreamKeys) -> None:
        """Write the hash of a source from now on."""
        now = self._clock.monotonic()
        self._beats[report] = _Beat(report, keys, due_at=now, not_before=now)
        report.on_change = self._changed.set
        self._changed.set()

    def remove(self, reports: Collection[HealthReport]) -> None:
        """Write the hashes of these sources no more. A write that has begun may still be executed."""
        for report in reports:
            self._beats.pop(report, None)

    async def write_last(self, reports: Collection[HealthReport]) -> None:
        """Write the hashes of these sources for the last time, in the order of writes. Failures are ignored."""
        beats = [self._beats[report] for report in reports if report in self._beats]
        self.remove(reports)
        async with self._writing:
            await self._redis.write_health([(beat.keys, beat.report.fields()) for beat in beats])

    async def step(self) -> None:
        """Write all hashes that are due, and wait until the next one is. Raises the last error of a report."""
        self._changed.clear()
        now = self._clock.monotonic()
        beats = self._beats.values()
        failure = None
        if any(beat.next_at <= now for beat in beats):
            due = [beat for beat in beats if beat.not_before <= now and beat.next_at - _EARLY_SECONDS <= now]
            async with self._writing:
                failure = await self._write([beat for beat in due if beat.report in self._beats])
        now = self._clock.monotonic()
        next_at = min((beat.next_at for beat in self._beats.values()), default=now + HEARTBEAT_SECONDS)
        if failure is not None:
            raise failure
        if next_at > now:
            await wait_until_set(self._changed, seconds=next_at - now, clock=self._clock)

    async def _write(self, beats: list[_Beat]) -> Exception | None:
        """Write these hashes. Returns an error of a report, which does not affect the others."""
        failure: Exception | None = None
        writes: list[tuple[_Beat, dict[str, str]]] = []
        for beat in beats:
            beat.report.is_changed = False
            beat.due_at = self._clock.monotonic() + HEARTBEAT_SECONDS
            beat.not_before = self._clock.monotonic() + _RETRY_SECONDS
            try:
                writes.append((beat, beat.report.fields()))
            except Exception as error:  # noqa: BLE001 - a bug in one report must not affect the others
                failure = error
        results = await self._redis.write_health([(beat.keys, fields) for beat, fields in writes])
        now = self._clock.monotonic()
        for (beat, _), refusal in zip(writes, results, strict=True):
            beat.not_before = now + (_MIN_INTERVAL_SECONDS if refusal is None else _RETRY_SECONDS)
            if refusal is not None and not beat.report.in_backpressure:  # otherwise the writer reports it
                beat.report.error(refusal.failure.reason, refusal.failure.message)
        return failure
