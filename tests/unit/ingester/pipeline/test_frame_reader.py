"""When a source is said to stream: what comes over its connection is played by lists of messages."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from sluice_ingester.pipeline import frame_reader
from sluice_ingester.pipeline.batcher import Intake
from sluice_ingester.pipeline.frame_reader import Reader
from sluice_ingester.telemetry.health_report import Report
from sluice_ingester.telemetry.metrics import Metrics
from sluice_redis.contract import State
from sluice_wire.events import Decoded, ErrorFrame
from tests.unit.ingester.given import decoded

FUTURE = ErrorFrame(error="FutureCursor", message="Cursor in the future.")


class Played:
    """A source, its decoder and its course: it gives `messages`, then nothing."""

    def __init__(self, messages: Iterable[Decoded | ErrorFrame], report: Report) -> None:
        self._messages = list(messages)
        self._report = report
        self.states: list[State] = []
        self._next: Any = None

    @asynccontextmanager
    async def open(self, *, cursor: str | None) -> AsyncIterator[AsyncIterator[Any]]:
        yield self._frames()

    async def _frames(self) -> AsyncIterator[Any]:
        for message in self._messages:
            self.states.append(self._report.condition.state)
            self._next = message
            yield b""
        self.states.append(self._report.condition.state)
        await asyncio.sleep(3600)

    def decode(self, data: Any, *, received: object) -> Any:
        return self._next

    async def connected(self) -> None:
        pass

    def take(self, message: Decoded, digest: bytes, intake: Intake) -> None:
        intake.add(message)

    def release(self, intake: Intake) -> None:
        pass

    def refusal(self, frame: ErrorFrame) -> Exception:
        return ValueError(frame)


async def read(*messages: Decoded | ErrorFrame, seconds: float = 0.2) -> tuple[list[State], State]:
    """The state before each message and after the last, and the one that it has after so many seconds."""
    report = Report("relay.test", metrics=Metrics(), pod="pod-1", version="1.2.3")
    played: Any = Played(messages, report)
    reading = Reader(subscription=played, decoder=played, report=report, course=played)
    task = asyncio.create_task(reading.read("7", Intake(events=10, seconds=1)))
    await asyncio.wait([task], timeout=seconds)
    state = report.condition.state
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return played.states, state


async def test_it_streams_from_the_first_frame_on() -> None:
    states, state = await read(decoded(8, 1), decoded(9, 1))
    assert states == [State.CONNECTING, State.STREAMING, State.STREAMING]
    assert state is State.STREAMING


async def test_a_source_that_refuses_the_cursor_never_streamed() -> None:
    states, state = await read(FUTURE)
    assert states == [State.CONNECTING]
    assert state is State.CONNECTING


async def test_a_quiet_source_streams_after_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame_reader, "SILENCE_SECONDS", 0.05)
    states, state = await read()
    assert states == [State.CONNECTING]
    assert state is State.STREAMING
