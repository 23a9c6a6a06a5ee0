"""One source and its Redis, in memory: the course, the intake and the writer are the real ones."""

import json
from collections.abc import Mapping
from typing import Any

from sluice_ingester.cursor.gap import OnLost
from sluice_ingester.cursor.start import StartFrom
from sluice_ingester.cursor.tracker import Course
from sluice_ingester.pipeline.batch_writer import Writer
from sluice_ingester.pipeline.batcher import Intake
from sluice_ingester.telemetry.health_report import Report
from sluice_ingester.telemetry.metrics import Metrics
from sluice_redis.contract import Health, Stream, StreamKeys
from sluice_redis.sink.append import Append, Fenced, Stored
from sluice_wire.events import Decoded
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

    async def append(self, append: Append) -> Stored | Fenced:
        if append.expected != self.at:
            return Fenced(self.at)
        self.stored += [(event["seq"], event["text"]) for event in map(json.loads, append.events)]
        if append.cursor is not None:
            self.at = str(append.cursor).encode()
            self.health_hash[Health.SEQ] = str(append.cursor)
        if append.time is not None:
            self.health_hash[Health.EVENT_TIME] = append.time
        self.health_hash |= {Health.STORED: TIME, **append.fields}
        return Stored(len(self.stored))

    async def report(self, fields: Mapping[str, str]) -> None:
        self.health_hash |= fields

    async def health(self, *names: str) -> list[str]:
        return [self.health_hash.get(name, "") for name in names]

    async def cursor(self) -> bytes | None:
        return self.at

    async def adopt(self) -> list[str]:
        return []

    async def refuse_eviction(self) -> None:
        pass

    @property
    def seq(self) -> int:
        """The stored cursor, 0 if there is none."""
        return int(self.at or 0)


class Ingester:
    """One process, from its start to its end. `connect` before the first message."""

    def __init__(
        self, memory: Memory, *, start_from: StartFrom = "oldest", on_lost: OnLost | None = None, forgets: bool = True
    ) -> None:
        self.memory = memory
        self.report = Report("relay.test", metrics=METRICS, pod="pod-1", version="1.2.3")
        sink: Any = memory
        self.writer = Writer(sink, self.report, high_water_mark=10**9)
        self.course = Course(
            report=self.report,
            writer=self.writer,
            cursor_key=memory.keys.cursor,
            start_from=start_from,
            on_lost=on_lost,
            counter="firehose_events",
            forgets=forgets,
        )
        self.intake = Intake(events=10**9, seconds=0)

    async def connect(self) -> str | None:
        """The cursor that the source is asked with."""
        asked = self.course.begin(await self.writer.resume())
        self.intake = Intake(events=10**9, seconds=0)
        self.report.connected_from(asked)
        await self.course.connected()
        return asked

    def take(self, *messages: Message, time: str | None = TIME) -> None:
        for seq, text in messages:
            event = json.dumps({"seq": seq, "text": text}).encode()
            self.course.take(
                Decoded(seq=seq, time=time, events=(event,), kinds=("create",)), fingerprint(event), self.intake
            )

    def settle(self) -> None:
        self.course.settle(self.intake)

    async def write(self) -> None:
        """Store what was read."""
        if not self.intake.forming.is_empty:
            batch = await self.intake.take()
            assert batch is not None
            await self.writer.write(batch)
            self.intake.done()

    async def cut(self) -> str | None:
        """The connection ends, and another one begins."""
        self.course.end(self.intake)
        self.course.release(self.intake)
        self.report.disconnected()
        await self.write()
        return await self.connect()
