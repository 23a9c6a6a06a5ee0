"""One ingester without I/O: the real tracker, batcher and writer, with a source and a Redis in memory."""

import json

from sluice_common.clock import SYSTEM_CLOCK
from sluice_ingester.batches.batcher import Batcher
from sluice_ingester.cursor.start import StartFrom
from sluice_ingester.cursor.tracker import CursorTracker
from sluice_ingester.telemetry.health_report import HealthReport
from sluice_ingester.telemetry.metrics import Metrics
from sluice_ingester.writer.batch_writer import BatchWriter
from sluice_redis.contract import HealthField
from sluice_redis.ingester_settings import OnCursorLost
from sluice_redis.sink.request import AppendRequest, Fenced, Full, Stored
from sluice_wire.events import DecodedFrame
from sluice_wire.fingerprint import fingerprint
from tests.fakes.redis_sink import FakeSink

Message = tuple[int, str]
"""Its seq and its content."""

METRICS = Metrics()
TIME = "2026-11-24T12:00:00.000Z"


class Memory(FakeSink):
    """A Redis with the events of one source."""

    @property
    def stored(self) -> list[Message]:
        """The stored messages."""
        return [(event["seq"], event["text"]) for event in map(json.loads, self.events)]

    @property
    def seq(self) -> int:
        """The stored cursor, 0 if there is none."""
        return int(self.cursor or 0)

    async def append(self, request: AppendRequest) -> Stored | Full | Fenced:
        answer = await super().append(request)
        self.health[HealthField.STORED] = TIME
        return answer


class Ingester:
    """One ingester process. Call `connect` before the first message."""

    def __init__(
        self,
        memory: Memory,
        *,
        start_from: StartFrom = "oldest",
        on_lost: OnCursorLost | None = None,
        drops_old_events: bool = True,
    ) -> None:
        self.memory = memory
        self.report = HealthReport("relay.test", metrics=METRICS, pod="pod-1", version="1.2.3")
        self.writer = BatchWriter(memory, self.report, high_water_mark=10**9)
        self.tracker = CursorTracker(
            report=self.report,
            writer=self.writer,
            cursor_key=memory.keys.cursor,
            start_from=start_from,
            on_lost=on_lost,
            frames_metric="firehose_events",
            drops_old_events=drops_old_events,
        )
        self.batcher = Batcher(max_events=10**9, max_seconds=0)

    async def connect(self) -> str | None:
        """Open a connection; the cursor that the source is asked with."""
        cursor = self.tracker.start_connection(await self.writer.resume())
        self.batcher = Batcher(max_events=10**9, max_seconds=0)
        self.report.connected_from(cursor)
        await self.tracker.connected()
        return cursor

    def take(self, *messages: Message, time: str | None = TIME) -> None:
        for seq, text in messages:
            event = json.dumps({"seq": seq, "text": text}).encode()
            self.tracker.handle_frame(
                DecodedFrame(seq=seq, time=time, events=(event,), kinds=("create",)),
                fingerprint(event),
                self.batcher,
                received=SYSTEM_CLOCK.now().timestamp(),
            )
            self.tracker.count_frames(1)

    def settle(self) -> None:
        self.tracker.handle_silence(self.batcher)

    async def write(self) -> None:
        """Store what was read."""
        if not self.batcher.forming.is_empty:
            batch = await self.batcher.take()
            assert batch is not None
            await self.writer.write(batch)
            self.batcher.written()

    async def cut(self) -> str | None:
        """End the connection and open another one; the cursor that the source is asked with."""
        self.tracker.handle_disconnect(self.batcher)
        self.tracker.release_held_frames(self.batcher)
        self.report.disconnected()
        await self.write()
        return await self.connect()
