"""When a source counts as streaming. Lists of messages stand in for the connection."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from sluice_ingester.batches.batcher import Batcher
from sluice_ingester.cursor.tracker import CursorTracker
from sluice_ingester.pipeline.frame_reader import SILENCE_SECONDS, FrameReader
from sluice_ingester.telemetry.health_report import HealthReport
from sluice_ingester.telemetry.metrics import Metrics
from sluice_ingester.writer.batch_writer import BatchWriter
from sluice_redis.contract import SourceState
from sluice_wire.events import DecodedFrame, ErrorFrame
from tests.fakes.clock import FakeClock
from tests.fakes.frame_source import FakeFrames
from tests.fakes.redis_sink import FakeSink
from tests.unit.ingester.decoded_frames import decoded

FUTURE = ErrorFrame(error="FutureCursor", message="Cursor in the future.")


class ScriptedSource:
    """A source and its decoder: it sends `messages`, then nothing."""

    def __init__(self, messages: Iterable[DecodedFrame | ErrorFrame], report: HealthReport) -> None:
        self._messages = list(messages)
        self._report = report
        self.states: list[SourceState] = []
        self._next: Any = None

    @asynccontextmanager
    async def open(self, *, cursor: str | None) -> AsyncIterator[FakeFrames]:
        yield FakeFrames(self._frames())

    async def _frames(self) -> AsyncIterator[deque[bytes]]:
        for message in self._messages:
            self.states.append(self._report.condition.state)
            self._next = message
            yield deque([b""])
        self.states.append(self._report.condition.state)
        await asyncio.sleep(3600)

    def decode(self, data: bytes, *, received: datetime) -> Any:
        return self._next


async def read(*messages: DecodedFrame | ErrorFrame, seconds: float = 0.0) -> tuple[list[SourceState], SourceState]:
    """The states before each message and after the last one, and the state `seconds` later."""
    clock = FakeClock()
    report = HealthReport("relay.test", metrics=Metrics(), pod="pod-1", version="1.2.3", clock=clock)
    tracker = CursorTracker(
        report=report,
        writer=BatchWriter(FakeSink(), report, high_water_mark=100, clock=clock),
        cursor_key="cursor",
        start_from="live",
        on_lost=None,
        frames_metric="firehose_events",
        drops_old_events=True,
        clock=clock,
    )
    cursor = tracker.start_connection(b"7")
    scripted = ScriptedSource(messages, report)
    reader = FrameReader(subscription=scripted, decoder=scripted, report=report, cursor_tracker=tracker, clock=clock)
    task = asyncio.create_task(reader.read(cursor, Batcher(max_events=10, max_seconds=1, clock=clock)))
    await clock.advance(seconds)
    state = report.condition.state
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return scripted.states, state


async def test_a_source_streams_from_its_first_frame_on() -> None:
    states, state = await read(decoded(8, 1), decoded(9, 1))
    assert states == [SourceState.CONNECTING, SourceState.STREAMING, SourceState.STREAMING]
    assert state is SourceState.STREAMING


async def test_a_source_that_refuses_the_cursor_does_not_stream() -> None:
    states, state = await read(FUTURE, seconds=60)
    assert states == [SourceState.CONNECTING]
    assert state is SourceState.CONNECTING


async def test_a_quiet_source_streams_after_a_moment() -> None:
    states, state = await read(seconds=SILENCE_SECONDS)
    assert states == [SourceState.CONNECTING]
    assert state is SourceState.STREAMING
    _, state = await read(seconds=SILENCE_SECONDS - 0.1)
    assert state is SourceState.CONNECTING
