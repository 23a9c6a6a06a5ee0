"""The part of the player that is the ingesters: it writes the health hash of each, and beats it every five seconds.

The fields are those of an ingester (`sluice_ingester.telemetry.health_report`). The beats are spread over the five
seconds, and those of one moment go to Redis together.
"""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sluice_common.times import format_time
from sluice_redis.contract import HealthField, SourceState, Stream, StreamKeys

BEAT_SECONDS: Final = 5.0
_SLICES: Final = 50
_SEQ: Final = "6322875401"
_QUIET: Final = timedelta(hours=1)
"""How long ago each source sent its newest label. Statuses tell the age when it has doubled: not during a run."""


@dataclass(slots=True)
class Ingester:
    """What one ingester reports. `stored` is when it stored its newest event."""

    keys: StreamKeys
    pod: str
    started: str
    since: str
    stored: str
    state: SourceState = SourceState.STREAMING
    reason: str = ""
    message: str = ""
    errors: int = 0
    last_error_time: str = ""

    def beat(self, now: str) -> tuple[str, ...]:
        """The command that writes the fields that an ingester writes after a change and with each beat."""
        return (
            "HSET", self.keys.health,
            HealthField.STARTED, self.started,
            HealthField.POD, self.pod,
            HealthField.VERSION, "0.1.0",
            HealthField.STATE, self.state,
            HealthField.REASON, self.reason,
            HealthField.MESSAGE, self.message,
            HealthField.SINCE, self.since,
            HealthField.BEAT, now,
            HealthField.RATE, "0.0",
            HealthField.RECONNECTS, "0",
            HealthField.FENCED, "0",
            HealthField.ERRORS, str(self.errors),
            HealthField.LAST_ERROR, self.message,
            HealthField.LAST_ERROR_TIME, self.last_error_time,
        )  # fmt: skip

    def append(self) -> tuple[str, ...]:
        """The command that writes the fields that the append of a batch writes."""
        return (
            "HSET", self.keys.health,
            HealthField.SEQ, _SEQ,
            HealthField.EVENT_TIME, self.stored,
            HealthField.STORED, self.stored,
            HealthField.EVENTS, "1",
            HealthField.DEADLETTERS, "0",
            HealthField.BATCH, "1",
        )  # fmt: skip


class Ingesters:
    """All ingesters, by their HOST."""

    def __init__(self, redis: Any) -> None:
        self._redis = redis
        self._slices: list[dict[str, Ingester]] = [{} for _ in range(_SLICES)]
        self._slice_of: dict[str, int] = {}

    async def start(self, host: str, pod: str) -> None:
        """An ingester in `pod` starts, and streams."""
        now = _now()
        number = self._slice_of.setdefault(host, len(self._slice_of) % _SLICES)
        before = self._slices[number].get(host)
        keys = before.keys if before else StreamKeys(stream=Stream.LABELS, host=host)
        ingester = Ingester(keys=keys, pod=pod, started=now, since=now, stored=_now(ago=_QUIET))
        self._slices[number][host] = ingester
        commands = [ingester.beat(now)]
        if before is None:
            commands += [("SET", keys.cursor, _SEQ), ingester.append()]
        await self._send(commands)

    def stop(self, host: str, pod: str) -> None:
        """The pod is gone. Nothing happens if another one has taken over."""
        ingesters = self._slices[self._slice_of.get(host, 0)]
        if host in ingesters and ingesters[host].pod == pod:
            del ingesters[host]

    def pod_of(self, host: str) -> str:
        """The pod of the ingester that runs now."""
        return self._slices[self._slice_of[host]][host].pod

    async def set_state(self, host: str, state: SourceState, reason: str = "", message: str = "") -> None:
        """The state of one ingester changes. It reports that at once."""
        ingester, now = self._slices[self._slice_of[host]][host], _now()
        ingester.state, ingester.reason, ingester.message, ingester.since = state, reason, message, now
        if message:
            ingester.errors, ingester.last_error_time = ingester.errors + 1, now
        await self._send([ingester.beat(now)])

    async def create_stream(self) -> None:
        """Add an entry to the stream that all sources share."""
        await self._redis.xadd(Stream.LABELS, {Stream.LABELS.field: "{}"})

    async def run(self) -> None:
        """Beat, until cancelled."""
        due, number = time.monotonic(), 0
        while True:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if ingesters := self._slices[number].values():
                now = _now()
                await self._send([ingester.beat(now) for ingester in ingesters])
            due += BEAT_SECONDS / _SLICES
            number = (number + 1) % _SLICES

    async def _send(self, commands: list[tuple[str, ...]]) -> None:
        async with self._redis.pipeline(transaction=False) as pipe:
            for command in commands:
                pipe.execute_command(*command)
            await pipe.execute()


def _now(*, ago: timedelta = timedelta(0)) -> str:
    return format_time(datetime.now(UTC) - ago)
