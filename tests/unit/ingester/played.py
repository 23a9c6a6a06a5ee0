"""One source and its Redis, in memory: the course, the intake and the writer are the real ones."""

import json
from collections.abc import Mapping
from typing import Any

from sluice_ingester.batches.batcher import Batcher
from sluice_ingester.cursor.start import StartFrom
from sluice_ingester.cursor.tracker import CursorTracker
from sluice_ingester.telemetry.health_report import HealthReport
from sluice_ingester.telemetry.metrics import Metrics
from sluice_ingester.writer.batch_writer import BatchWriter
from sluice_redis.contract import HealthField, Stream, StreamKeys
from sluice_redis.ingester_settings import OnCursorLost
from sluice_redis.sink.request import AppendRequest, Fenced, Stored
from sluice_wire.events import DecodedFrame
from sluice_wire.fingerprint import fingerprint

Message = tuple[int, str]
"""Its seq, and what makes it another message than the next."""

METRICS = Metrics()
TIME = "2026-11-24T12:00:00.000Z"


class Memory:
    """What a Redis holds of one source; a sink without I/O."""

    keys = StreamKeys(stream=Stream.FIREHOSE, host="relay.test")

    def __init__(self) -> None:
        self.stored: list[Message] = []
        self.health_hash: dict[str, str] = {}
        self.at: bytes | None = None

    async def append(self, request: AppendRequest) -> Stored | Fenced:
        if request.expected_cursor != self.at:
            return Fenced(self.at)
        self.stored += [(event["seq"], event["text"]) for event in map(json.loads, request.events)]
        if request.cursor is not None:
            self.at = str(request.cursor).encode()
            self.health_hash[HealthField.SEQ] = str(request.cursor)
        if request.event_time is not None:
            self.health_hash[HealthField.EVENT_TIME] = request.event_time
        self.health_hash |= {HealthField.STORED: TIME, **request.health_fields}
        return Stored(len(self.stored))

    async def write_health(self, fields: Mapping[str, str]) -> None:
        self.health_hash |= fields

    async def read_health(self, *names: str) -> list[str]:
        return [self.health_hash.get(name, "") for name in names]

    async def read_cursor(self) -> bytes | None:
        return self.at

    async def rename_former_keys(self) -> list[str]:
        return []

    async def check_eviction_policy(self) -> None:
        pass

    @property
    def seq(self) -> int:
        """The stored cursor, 0 if there is none."""
        return int(self.at or 0)


class Ingester:
    """One process, from its start to its end. `connect` before the first message."""

    def __init__(
        self,
        memory: Memory,
        *,
        start_from: StartFrom = "oldest",
        on_lost: OnCursorLost | None = None,
        forgets: bool = True,
    ) -> None:
        self.memory = memory
        self.report = HealthReport("relay.test", metrics=METRICS, pod="pod-1", version="1.2.3")
        sink: Any = memory
        self.writer = BatchWriter(sink, self.report, high_water_mark=10**9)
        self.course = CursorTracker(
            report=self.report,
            writer=self.writer,
            cursor_key=memory.keys.cursor,
            start_from=start_from,
            on_lost=on_lost,
            frames_metric="firehose_events",
            drops_old_events=forgets,
        )
        self.intake = Batcher(max_events=10**9, max_seconds=0)

    async def connect(self) -> str | None:
        """The cursor that the source is asked with."""
        asked = self.course.start_connection(await self.writer.resume())
        self.intake = Batcher(max_events=10**9, max_seconds=0)
        self.report.connected_from(asked)
        await self.course.connected()
        return asked

    def take(self, *messages: Message, time: str | None = TIME) -> None:
        for seq, text in messages:
            event = json.dumps({"seq": seq, "text": text}).encode()
            self.course.handle_frame(
                DecodedFrame(seq=seq, time=time, events=(event,), kinds=("create",)), fingerprint(event), self.intake
            )

    def settle(self) -> None:
        self.course.handle_silence(self.intake)

    async def write(self) -> None:
        """Store what was read."""
        if not self.intake.forming.is_empty:
            batch = await self.intake.take()
            assert batch is not None
            await self.writer.write(batch)
            self.intake.written()

    async def cut(self) -> str | None:
        """The connection ends, and another one begins."""
        self.course.handle_disconnect(self.intake)
        self.course.release_held_frames(self.intake)
        self.report.disconnected()
        await self.write()
        return await self.connect()
