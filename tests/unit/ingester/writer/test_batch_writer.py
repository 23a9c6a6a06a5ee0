"""The batch writer against a Redis that fails: no event is lost or stored twice."""

import asyncio
import json

import pytest

from sluice_ingester.batches.batch import Batch
from sluice_ingester.telemetry.health_report import HealthReport
from sluice_ingester.telemetry.metrics import Metrics
from sluice_ingester.writer.batch_writer import BatchWriter, FencedError
from sluice_redis.contract import HealthField
from sluice_redis.sink.errors import SinkFailure, SinkReason
from sluice_redis.sink.many_sources import Position
from sluice_wire.events import DecodedFrame
from sluice_wire.fingerprint import fingerprint
from tests.fakes.clock import FakeClock, settle
from tests.fakes.many_sources import FakeManySources
from tests.fakes.redis_sink import NO_RIGHT, OUT_OF_MEMORY, READ_ONLY, TIMEOUT, UNAVAILABLE, FakeSink

MARK = 20


class Stage:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.sink = FakeSink(high_water_mark=MARK, clock=self.clock)
        self.report = HealthReport("relay.test", metrics=Metrics(), pod="", version="", clock=self.clock)
        self.writer = self.new_writer()

    def new_writer(self) -> BatchWriter:
        return BatchWriter(self.sink, self.report, high_water_mark=MARK, clock=self.clock)

    async def write(self, batch: Batch) -> None:
        """Write `batch` while time passes."""
        task = asyncio.create_task(self.writer.write(batch))
        await self.clock.advance_until(task.done)
        await task

    async def check_cursor(self) -> None:
        """Compare the cursor, as the watch of the process does."""
        query = self.writer.cursor_query()
        assert query is not None
        [position] = await FakeManySources(self.sink).read_positions([(query.keys, query.wants_length)])
        if isinstance(position, Position):
            self.writer.compare(query, position)

    @property
    def stored(self) -> list[str]:
        return [json.loads(event)["text"] for event in self.sink.events]


def batch(*seqs: int, size: int = 0, text: str = "") -> Batch:
    made = Batch()
    for seq in seqs:
        event = json.dumps({"seq": seq, "text": text or str(seq), "record": "x" * size}).encode()
        made.add(DecodedFrame(seq=seq, events=(event,), kinds=("create",)), cursor=seq, digest=fingerprint(event))
    return made


@pytest.fixture
async def stage() -> Stage:
    stage = Stage()
    await stage.writer.resume()
    return stage


@pytest.mark.parametrize("failure", [UNAVAILABLE, TIMEOUT, OUT_OF_MEMORY, READ_ONLY, NO_RIGHT])
@pytest.mark.parametrize("answer_is_lost", [False, True])
async def test_a_batch_is_retried_until_it_is_stored_and_is_stored_once(
    stage: Stage, failure: SinkFailure, *, answer_is_lost: bool
) -> None:
    failures = stage.sink.lost_answers if answer_is_lost else stage.sink.failures
    failures += [failure] * 5
    await stage.write(batch(1, 2))
    assert (stage.stored, stage.sink.cursor, stage.writer.expected_cursor) == (["1", "2"], b"2", b"2")
    assert len({request.batch_id for request in stage.sink.appends}) == 1
    assert stage.writer.progress == 1


async def test_pauses_grow_and_are_reset_by_a_success(stage: Stage) -> None:
    stage.sink.failures = [UNAVAILABLE] * 50
    began = stage.clock.monotonic()
    await stage.write(batch(1))
    assert 10 < stage.clock.monotonic() - began < 150  # 50 pauses of at most 3 s
    stage.sink.failures = [UNAVAILABLE]
    began = stage.clock.monotonic()
    await stage.write(batch(2))
    assert stage.clock.monotonic() - began <= 0.1


@pytest.mark.parametrize(("failure", "state"), [(UNAVAILABLE, "backpressure"), (NO_RIGHT, "halted")])
async def test_a_failure_is_reported_until_it_is_over(stage: Stage, failure: SinkFailure, state: str) -> None:
    stage.sink.failure = failure
    task = asyncio.create_task(stage.writer.write(batch(1)))
    await stage.clock.advance(60)
    assert (stage.report.condition.state, stage.report.condition.reason) == (state, failure.reason)
    stage.sink.failure = None
    await stage.clock.advance(3)
    assert task.done()
    assert not stage.report.in_backpressure


async def test_a_changed_cursor_fences_the_writer(stage: Stage) -> None:
    await stage.write(batch(1))
    stage.sink.set_cursor(b"100")
    with pytest.raises(FencedError, match="the cursor was '1' and is now '100'"):
        await stage.write(batch(2))
    assert stage.stored == ["1"]
    await stage.writer.resume()
    await stage.write(batch(101))
    assert stage.stored == ["1", "101"]


async def test_a_quiet_source_notices_a_changed_cursor(stage: Stage) -> None:
    await stage.write(batch(1))
    await stage.check_cursor()
    stage.sink.failures = [UNAVAILABLE]
    stage.sink.set_cursor(None)
    await stage.check_cursor()  # a failed read is not a changed cursor
    with pytest.raises(FencedError, match="is now missing"):
        await stage.check_cursor()


async def test_two_writers_store_each_event_once(stage: Stage) -> None:
    other = stage.new_writer()
    await other.resume()
    await stage.write(batch(1))
    with pytest.raises(FencedError):
        await other.write(batch(1))
    assert stage.stored == ["1"]


async def test_a_full_stream_is_written_to_again_when_there_is_room(stage: Stage) -> None:
    await stage.write(batch(*range(1, MARK + 1)))
    task = asyncio.create_task(stage.writer.write(batch(MARK + 1)))
    await stage.clock.advance(60)
    assert (stage.report.condition.state, stage.report.condition.reason) == ("backpressure", "HighWaterMark")
    del stage.sink.redis.streams[stage.sink.keys.entries][0]
    await stage.clock.advance(60)
    assert not task.done()  # it resumes at 90 percent
    del stage.sink.redis.streams[stage.sink.keys.entries][0]
    await stage.clock.advance(3.1)
    assert task.done()
    assert stage.stored[-1] == str(MARK + 1)
    assert not stage.report.in_backpressure


async def test_a_stream_that_others_fill_is_reported(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await stage.write(batch(*range(1, MARK + 1)))
    read_length = stage.sink.stream_length

    async def grown_length() -> int:
        """Another source writes between any two reads, however short the pause between them is."""
        stage.sink.redis.streams[stage.sink.keys.entries].append({"event": b'{"text":"other"}'})
        return await read_length()

    monkeypatch.setattr(stage.sink, "stream_length", grown_length)
    task = asyncio.create_task(stage.writer.write(batch(MARK + 1)))
    await stage.clock.advance_until(lambda: stage.report.condition.reason == SinkReason.FILLED_BY_OTHERS)
    task.cancel()
    await settle()


async def test_a_stream_that_is_full_from_the_start_is_reported(stage: Stage) -> None:
    await stage.write(batch(*range(1, MARK + 1)))
    await stage.writer.report_if_full()
    assert stage.report.condition.reason == "HighWaterMark"
    await stage.check_cursor()
    assert stage.report.in_backpressure
    del stage.sink.redis.streams[stage.sink.keys.entries][:2]
    await stage.check_cursor()
    assert not stage.report.in_backpressure


async def test_a_batch_that_is_too_large_is_split_between_its_frames(stage: Stage) -> None:
    stage.sink.max_request_bytes = 250
    await stage.write(batch(*range(1, 9), size=50))
    assert (stage.stored, stage.sink.cursor) == ([str(seq) for seq in range(1, 9)], b"8")
    assert stage.sink.health[HealthField.DEADLETTERS] == "0"


async def test_large_requests_that_close_the_connection_are_split_as_well(stage: Stage) -> None:
    stage.sink.max_request_bytes, stage.sink.too_large = 100_000, UNAVAILABLE
    await stage.write(batch(*range(1, 9), size=50_000))
    assert (stage.stored, stage.sink.cursor) == ([str(seq) for seq in range(1, 9)], b"8")


async def test_a_frame_that_is_too_large_is_split_between_its_events(stage: Stage) -> None:
    stage.sink.max_request_bytes = 250
    events = tuple(json.dumps({"seq": 1, "text": str(n), "record": "x" * 80}).encode() for n in range(6))
    large = Batch()
    large.add(DecodedFrame(seq=1, events=events, kinds=("create",) * 6), cursor=1, digest=b"12345678")
    await stage.write(large)
    assert (stage.stored, stage.sink.cursor) == ([str(n) for n in range(6)], b"1")
    assert [request.cursor for request in stage.sink.appends if request.cursor is not None][-1] == 1


async def test_a_kill_between_two_parts_of_a_frame_stores_no_event_twice(stage: Stage) -> None:
    stage.sink.max_request_bytes = 250
    events = tuple(json.dumps({"seq": 1, "text": str(n), "record": "x" * 80}).encode() for n in range(6))
    frame = DecodedFrame(seq=1, events=events, kinds=("create",) * 6)
    for kill_after in range(1, 20):
        killed, again = Batch(), Batch()
        killed.add(frame, cursor=1, digest=b"12345678")
        again.add(frame, cursor=1, digest=b"12345678")
        stage.sink = FakeSink(high_water_mark=10**9, clock=stage.clock)
        stage.sink.max_request_bytes = 250
        writer = stage.new_writer()
        await writer.resume()
        task = asyncio.create_task(writer.write(killed))
        while len(stage.sink.appends) < kill_after and not task.done():
            await asyncio.sleep(0)
            stage.clock.pass_by(0.001)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if stage.sink.cursor is None:
            stage.writer = stage.new_writer()
            await stage.writer.resume()
            await stage.write(again)
        assert (stage.stored, stage.sink.cursor) == ([str(n) for n in range(6)], b"1")


async def test_a_single_event_that_is_too_large_becomes_a_dead_letter(stage: Stage) -> None:
    stage.sink.max_request_bytes = 1000
    await stage.write(batch(1, size=5000))
    await stage.write(batch(2))
    assert (stage.stored, stage.sink.cursor) == (["2"], b"2")
    [letter] = stage.sink.redis.streams[stage.sink.keys.deadletter]
    assert letter["reason"].startswith(b"TooLarge")


async def test_resuming_waits_while_redis_evicts_keys(stage: Stage) -> None:
    stage.sink.evicts = True
    task = asyncio.create_task(stage.writer.resume())
    await stage.clock.advance(600)
    assert not task.done()
    assert stage.report.condition.reason == "RedisEvicts"
    stage.sink.evicts = False
    await stage.clock.advance(3.1)
    assert task.done()


async def test_a_cursor_is_reset_once_however_often_redis_fails(stage: Stage) -> None:
    await stage.write(batch(7))
    stage.sink.failures = [UNAVAILABLE] * 3
    task = asyncio.create_task(stage.writer.reset_cursor("0", {HealthField.LOST_AT: "t"}))
    await stage.clock.advance_until(task.done)
    assert (stage.sink.cursor, stage.sink.health[HealthField.LOST_AT]) == (b"0", "t")
    with pytest.raises(FencedError):
        await stage.writer.reset_cursor("!live", {HealthField.LOST_AT: "u"})


async def test_fields_of_the_health_hash_wait_for_the_next_batch(stage: Stage) -> None:
    stage.writer.add_health_fields({HealthField.LOST_TO: "5"})
    assert HealthField.LOST_TO not in stage.sink.health
    stage.sink.lost_answers = [UNAVAILABLE]
    await stage.write(batch(1))
    assert stage.sink.health[HealthField.LOST_TO] == "5"
    await stage.write(batch(2))
    assert HealthField.LOST_TO not in stage.sink.appends[-1].health_fields
