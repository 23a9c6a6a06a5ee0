"""The pipeline over many connections: reconnects, fences, lost cursors, backpressure, silence and shutdown."""

import asyncio
import json
from collections.abc import AsyncIterator
from functools import partial

import pytest

from sluice_ingester.batches.batch import MAX_BATCH_BYTES
from sluice_ingester.batches.batcher import Batcher
from sluice_ingester.cursor.start import StartFrom
from sluice_ingester.cursor.tracker import CursorTracker
from sluice_ingester.pipeline.frame_reader import MAX_BLOCKED_SECONDS
from sluice_ingester.pipeline.pipeline import RESET_SECONDS, STUCK_SECONDS, Pipeline
from sluice_ingester.sources.failure import SourceFailure
from sluice_ingester.telemetry.health_report import HealthReport
from sluice_ingester.telemetry.metrics import Metrics
from sluice_ingester.writer.batch_writer import BatchWriter
from sluice_ingester.writer.cursor_watch import CHECK_SECONDS
from sluice_redis.contract import HealthField, SourceState
from sluice_redis.ingester_settings import OnCursorLost
from tests.fakes.clock import FakeClock, settle
from tests.fakes.frame_source import FakeDecoder, FakeSource
from tests.fakes.redis_sink import UNAVAILABLE, FakeSink
from tests.unit.ingester.process_parts import ProcessParts
from tests.unit.ingester.running_task import RunningTask

MARK = 20


class Stage(RunningTask):
    """A pipeline that runs, between a source and a Redis in memory."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.source = FakeSource()
        self.sink = FakeSink(high_water_mark=MARK, clock=self.clock)
        self.parts = ProcessParts(self.clock, self.sink)
        self.parts.start()
        self.start()

    def start(self, *, on_lost: OnCursorLost | None = None, start_from: StartFrom = "oldest") -> None:
        """Run it, as a process does after its start."""
        self.report = HealthReport("relay.test", metrics=Metrics(), pod="", version="", clock=self.clock)
        writer = BatchWriter(self.sink, self.report, high_water_mark=MARK, clock=self.clock)
        self.pipeline = Pipeline(
            subscription=self.source,
            decoder=FakeDecoder(),
            writer=writer,
            report=self.report,
            cursor_tracker=CursorTracker(
                report=self.report,
                writer=writer,
                cursor_key=self.sink.keys.cursor,
                start_from=start_from,
                on_lost=on_lost,
                frames_metric="firehose_events",
                drops_old_events=True,
                clock=self.clock,
            ),
            new_batcher=partial(Batcher, max_events=10, max_seconds=1.0, clock=self.clock),
            cursor_watch=self.parts.cursor_watch,
            ticker=self.parts.ticker,
            clock=self.clock,
        )
        self.task = asyncio.create_task(self.pipeline.run())

    @property
    def stored(self) -> list[int]:
        return [json.loads(event)["seq"] for event in self.sink.events]


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    await settle()
    yield stage
    await stage.kill()
    await stage.parts.stop()


async def test_events_are_stored_with_their_cursor_within_the_age_of_a_batch(stage: Stage) -> None:
    assert stage.source.cursors == ["0"]
    stage.source.send(*range(1, 10))
    await settle()
    assert stage.pipeline.buffered[0] == 9
    await stage.clock.advance(1.0)
    assert (stage.stored, stage.sink.cursor) == (list(range(1, 10)), b"9")
    assert stage.state == ("streaming", "")
    assert stage.pipeline.buffered == (0, 0)


async def test_it_reconnects_from_the_cursor_and_stores_repeats_once(stage: Stage) -> None:
    stage.source.send(*range(1, 10))
    await settle()
    stage.source.fail()
    await settle()
    assert stage.state == ("waiting", "ConnectionLost")
    await stage.clock.advance_until(lambda: stage.source.is_open)
    assert stage.source.cursors == ["0", "9"]
    stage.source.send(8, 9, 10, 11)
    await stage.clock.advance(1.0)
    assert (stage.stored, stage.sink.cursor) == (list(range(1, 12)), b"11")


async def test_pauses_between_attempts_grow_and_are_at_least_what_the_source_asks_for(stage: Stage) -> None:
    stage.source.refusals = [SourceFailure("ConnectFailed", "refused")] * 12
    stage.source.fail()
    passed = await stage.clock.advance_until(lambda: len(stage.source.cursors) == 14)
    assert 30 < passed < 13 * 60
    stage.source.refusals = [SourceFailure("Http429", "slow down", 300.0)]
    stage.source.fail()
    await settle()
    reached = len(stage.source.cursors)
    await stage.clock.advance_until(lambda: len(stage.source.cursors) == reached + 1)
    assert 300 <= await stage.clock.advance_until(lambda: stage.source.is_open) <= 360


async def test_it_reconnects_from_a_cursor_set_by_somebody_else(stage: Stage) -> None:
    stage.source.send(*range(1, 10))
    await stage.clock.advance(1.0)
    stage.sink.set_cursor(b"5")
    stage.source.send(10)
    await stage.clock.advance_until(lambda: len(stage.source.cursors) == 2)
    assert stage.source.cursors == ["0", "5"]
    stage.source.send(*range(6, 12))
    await stage.clock.advance(2.0)
    assert stage.stored == [*range(1, 10), *range(6, 12)]
    assert stage.report.fields()[HealthField.FENCED] == "1"


async def test_a_quiet_connection_notices_a_changed_cursor_within_seconds(stage: Stage) -> None:
    stage.source.send(*range(1, 10))
    await stage.clock.advance(1.0)
    stage.sink.set_cursor(None)
    assert await stage.clock.advance_until(lambda: len(stage.source.cursors) == 2) <= CHECK_SECONDS + 0.2
    assert stage.source.cursors[-1] == "0"


async def test_a_cursor_in_the_future_halts_until_it_is_set(stage: Stage) -> None:
    stage.source.refuse("FutureCursor")
    await stage.clock.advance(60)
    assert stage.state == ("halted", "FutureCursor")
    assert stage.source.cursors == ["0"]
    stage.sink.set_cursor(b"7")
    await stage.clock.advance(CHECK_SECONDS)
    assert stage.source.cursors == ["0", "7"]


async def test_a_malformed_cursor_halts_until_it_is_deleted(stage: Stage) -> None:
    stage.sink.set_cursor(b"nonsense")
    await stage.clock.advance(60)
    assert stage.state == ("halted", "CursorUnreadable")
    stage.sink.set_cursor(None)
    await stage.clock.advance(CHECK_SECONDS)
    assert stage.source.cursors == ["0", "0"]


@pytest.mark.parametrize(("on_lost", "cursor", "asked"), [("oldest", b"0", "0"), ("live", b"!live", None)])
async def test_a_lost_cursor_is_reset_as_configured_and_not_again_soon(
    stage: Stage, on_lost: str, cursor: bytes, asked: str | None
) -> None:
    await stage.kill()
    stage.sink.set_cursor(b"5")
    stage.start(on_lost=OnCursorLost(on_lost))
    for _ in range(4):
        await stage.clock.advance_until(lambda: stage.source.is_open)
        stage.source.refuse("FutureCursor")
        await settle()
    assert (stage.sink.cursor, stage.source.cursors[-1]) == (cursor, asked)
    assert stage.sink.health[HealthField.LOST_REASON] == "FutureCursor"
    stage.sink.set_cursor(b"5")
    for _ in range(4):
        await stage.clock.advance_until(lambda: stage.source.is_open)
        stage.source.refuse("FutureCursor")
        await settle()
    assert stage.state == ("halted", "FutureCursor")
    await stage.clock.advance(RESET_SECONDS)
    assert stage.state == ("halted", "FutureCursor")


async def test_a_gap_is_stored_with_the_first_events_after_it(stage: Stage) -> None:
    stage.source.send(*range(1, 10))
    await stage.clock.advance(1.0)
    stage.source.fail()
    await stage.clock.advance_until(lambda: stage.source.is_open)
    stage.source.send(*range(500, 510), time="2026-11-24T12:30:00.000Z")
    await stage.clock.advance(1.0)
    assert (stage.stored[9:], stage.sink.cursor) == (list(range(500, 510)), b"509")
    health = stage.sink.health
    assert [health[field] for field in ("lostReason", "lostFrom", "lostTo")] == ["OutdatedCursor", "10", "499"]


async def test_on_silence_the_cursor_moves_to_the_last_frame(stage: Stage) -> None:
    stage.source.send(*range(1, 10), 20)
    await stage.clock.advance(1.0)
    assert stage.sink.cursor == b"9"
    await stage.clock.advance(3.0)
    assert (stage.sink.cursor, stage.stored) == (b"20", [*range(1, 10), 20])


async def test_a_full_stream_ends_the_connection_and_is_written_when_there_is_room(stage: Stage) -> None:
    stage.source.send(*range(1, MARK + 25))
    await stage.clock.advance(MAX_BLOCKED_SECONDS + 2)
    assert stage.stored == list(range(1, MARK + 1))
    assert stage.state == ("backpressure", "HighWaterMark")
    assert not stage.source.is_open
    assert not stage.pipeline.is_stuck
    del stage.sink.redis.streams[stage.sink.keys.entries][:]
    await stage.clock.advance_until(lambda: stage.source.is_open)
    assert stage.stored == list(range(MARK + 1, 2 * MARK + 1))
    assert stage.source.cursors == ["0", str(2 * MARK)]


async def test_while_redis_is_unavailable_reading_stops_and_nothing_is_lost(stage: Stage) -> None:
    stage.source.send(*range(1, 10))
    await stage.clock.advance(1.0)
    stage.sink.failure = UNAVAILABLE
    large = MAX_BATCH_BYTES // 4
    stage.source.send(*range(10, 20), size=large)
    await stage.clock.advance(MAX_BLOCKED_SECONDS + 5)
    assert not stage.source.is_open
    assert stage.pipeline.buffered[1] <= 1.5 * MAX_BATCH_BYTES
    assert stage.state == ("backpressure", "RedisUnavailable")
    stage.sink.failure = None
    await stage.clock.advance_until(lambda: stage.source.is_open)
    stage.source.send(*range(int(stage.source.cursors[-1] or 0) + 1, 20), size=large)
    await stage.clock.advance(2.0)
    assert (stage.stored, stage.sink.cursor) == (list(range(1, 20)), b"19")


async def test_a_redis_that_evicts_keys_ends_the_connection(stage: Stage) -> None:
    stage.source.send(1)
    await stage.clock.advance(1.0)
    stage.sink.evicts = True
    await stage.clock.advance(20)
    assert not stage.source.is_open
    assert stage.state == ("halted", "RedisEvicts")
    stage.sink.evicts = False
    await stage.clock.advance_until(lambda: stage.source.is_open)


async def test_frames_already_read_are_stored_before_shutdown(stage: Stage) -> None:
    stage.source.send(*range(1, 10))
    await settle()
    stage.pipeline.stop()
    await settle()
    assert stage.task.done()
    assert (stage.stored, stage.sink.cursor) == (list(range(1, 10)), b"9")
    assert stage.report.condition.state is SourceState.STOPPED


async def test_it_stops_at_once_during_a_pause(stage: Stage) -> None:
    stage.source.fail()
    await settle()
    stage.pipeline.stop()
    await settle()
    assert stage.task.done()


async def test_an_internal_error_is_reported_and_retried(stage: Stage) -> None:
    stage.source._queue.put_nowait(b"no JSON")
    await settle()
    assert stage.state == ("waiting", "InternalError")
    await stage.clock.advance_until(lambda: stage.source.is_open)
    stage.source.send(1)
    await stage.clock.advance(1.0)
    assert stage.stored == [1]


async def test_a_pipeline_whose_frames_wait_too_long_without_a_reason_is_stuck(stage: Stage) -> None:
    stage.source.send(1)
    await settle()
    stage.clock.pass_by(STUCK_SECONDS + 1)
    assert stage.pipeline.is_stuck


async def test_each_event_is_stored_once_after_a_kill_at_any_point(stage: Stage) -> None:
    for kill_after in range(1, 40):
        next_seq = int(stage.source.cursors[-1] or 0) + 1
        stage.source.send(*range(max(1, next_seq - 3), next_seq + kill_after % 13))
        await stage.clock.advance(0.11 * (kill_after % 11))
        await stage.kill()
        del stage.sink.redis.streams[stage.sink.keys.entries][: -MARK // 2]
        stage.start()
        await settle()
    cursor = int(stage.sink.cursor or 0)
    assert cursor > 0
    kept = stage.stored
    assert kept == list(range(cursor - len(kept) + 1, cursor + 1))
