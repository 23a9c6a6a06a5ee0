"""The backfill: resuming, back-off, smaller pages, skipped repositories, rescans and fences."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from sluice_ingester.backfill.backfill import STUCK_SECONDS, Backfill
from sluice_ingester.backfill.page_reader import SKIP_AFTER_FAILURES
from sluice_ingester.sources.failure import SourceFailure
from sluice_ingester.sources.list_repos import PageError
from sluice_ingester.telemetry.health_report import HealthReport
from sluice_ingester.telemetry.metrics import Metrics
from sluice_ingester.writer.batch_writer import BatchWriter
from sluice_ingester.writer.cursor_watch import CHECK_SECONDS
from sluice_redis.contract import BACKFILL_DONE, SourceState, Stream, StreamKeys
from tests.fakes.clock import FakeClock, settle
from tests.fakes.redis_sink import UNAVAILABLE, FakeSink
from tests.unit.ingester.process_parts import ProcessParts
from tests.unit.ingester.running_task import RunningTask

KEYS = StreamKeys(stream=Stream.BACKFILL, host="relay.test")
DONE = BACKFILL_DONE.encode()


class FakeHost:
    """A relay with the accounts 1 to `accounts`. Requests fail with `failures`, and for `broken` accounts."""

    def __init__(self, accounts: int, *, page: int = 10) -> None:
        self.accounts = accounts
        self.page = page
        self.broken: set[int] = set()
        self.failures: list[PageError] = []
        self.asked: list[tuple[str | None, int]] = []
        self.is_closed = False

    async def fetch_page(self, *, cursor: str | None, limit: int) -> bytes:
        self.asked.append((cursor, limit))
        if self.failures:
            raise self.failures.pop(0)
        first = int(cursor or 0) + 1
        uids = range(first, min(first + min(limit, self.page), self.accounts + 1))
        if bad := self.broken & set(uids):
            raise failed(500, f"failed to get repo root for (did:plc:{min(bad)}): not available")
        last = uids[-1] if uids else 0
        return json.dumps(
            {"repos": [{"did": f"did:plc:{uid}"} for uid in uids], **({"cursor": str(last)} if uids else {})}
        ).encode()

    async def close(self) -> None:
        self.is_closed = True


def failed(status: int, server_message: str = "", *, min_delay: float = 0.0) -> PageError:
    failure = SourceFailure(f"Http{status}", f"relay.test answered {status}", min_delay)
    return PageError(failure, status=status, server_message=server_message)


class Stage(RunningTask):
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.host = FakeHost(35)
        self.sink = FakeSink(keys=KEYS, clock=self.clock)
        self.parts = ProcessParts(self.clock, self.sink)
        self.parts.start()

    def start(self, *, skip_repos: bool = False, rescan_seconds: float = 0.0) -> None:
        self.report = HealthReport("relay.test", metrics=Metrics(), pod="", version="", clock=self.clock)
        self.backfill = Backfill(
            source=self.host,
            origin="https://relay.test",
            sink=self.sink,
            writer=BatchWriter(self.sink, self.report, high_water_mark=10**9, clock=self.clock),
            report=self.report,
            skip_repos=skip_repos,
            rescan_seconds=rescan_seconds,
            cursor_watch=self.parts.cursor_watch,
            clock=self.clock,
        )
        self.task = asyncio.create_task(self.backfill.run())

    @property
    def stored(self) -> list[int]:
        return [int(json.loads(entry)["did"].removeprefix("did:plc:")) for entry in self.sink.events]


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    yield stage
    await stage.kill()
    await stage.parts.stop()


async def test_every_repository_is_stored_once_and_the_end_is_recorded(stage: Stage) -> None:
    stage.start()
    await settle()
    assert (stage.stored, stage.sink.cursor) == (list(range(1, 36)), DONE)
    assert stage.state == ("done", "")
    await stage.clock.advance(60)
    assert len(stage.host.asked) == 5


async def test_after_a_kill_it_resumes_behind_the_last_stored_page(stage: Stage) -> None:
    for rounds in range(5, 200):
        stage.start()
        for _ in range(rounds):
            await asyncio.sleep(0)
        await stage.kill()
        if stage.sink.cursor == DONE:
            break
    assert (stage.stored, stage.sink.cursor) == (list(range(1, 36)), DONE)


async def test_a_failed_page_is_requested_until_it_arrives(stage: Stage) -> None:
    stage.host.failures = [failed(503)] * 8
    stage.start()
    await settle()
    assert stage.state == ("waiting", "Http503")
    passed = await stage.clock.advance_until(lambda: stage.sink.cursor == DONE)
    assert 3 < passed < 8 * 60
    assert stage.stored == list(range(1, 36))


async def test_it_waits_as_long_as_the_host_asks(stage: Stage) -> None:
    stage.host.failures = [failed(429, min_delay=120.0)]
    stage.start()
    await stage.clock.advance(119.9)
    assert len(stage.host.asked) == 1
    await stage.clock.advance(2)
    assert stage.sink.cursor == DONE


async def test_a_page_with_a_broken_repository_is_requested_in_smaller_pages(stage: Stage) -> None:
    stage.host.broken = {17}
    stage.start()
    await stage.clock.advance(60)
    assert stage.stored == list(range(1, 17))
    assert stage.host.asked[-1] == ("16", 1)
    assert stage.state == ("waiting", "Http500")
    stage.host.broken = set()
    await stage.clock.advance_until(lambda: stage.sink.cursor == DONE)
    assert stage.stored == list(range(1, 36))


async def test_a_broken_repository_is_skipped_only_if_configured(stage: Stage) -> None:
    stage.host.broken = {17, 18}
    stage.start(skip_repos=True)
    await stage.clock.advance_until(lambda: stage.sink.cursor == DONE)
    assert stage.stored == [*range(1, 17), *range(19, 36)]
    letters = stage.sink.redis.streams[KEYS.deadletter]
    assert [letter["detail"] for letter in letters] == [b"did:plc:17", b"did:plc:18"]
    alone = [cursor for cursor, limit in stage.host.asked if limit == 1 and cursor == "16"]
    assert len(alone) >= SKIP_AFTER_FAILURES


async def test_it_lists_again_when_the_rescan_is_due(stage: Stage) -> None:
    stage.start(rescan_seconds=3600)
    await settle()
    await stage.clock.advance(3599)
    assert len(stage.stored) == 35
    await stage.clock.advance(2)
    assert (stage.stored, stage.state) == ([*range(1, 36), *range(1, 36)], ("done", ""))


async def test_it_resumes_from_a_cursor_set_by_somebody_else(stage: Stage) -> None:
    stage.start()
    await settle()
    stage.sink.set_cursor(b"30")
    await stage.clock.advance(CHECK_SECONDS + 0.5)
    assert stage.stored[35:] == [31, 32, 33, 34, 35]
    stage.sink.set_cursor(None)
    await stage.clock.advance(CHECK_SECONDS + 0.5)
    assert stage.stored[40:] == list(range(1, 36))


async def test_a_malformed_cursor_halts_until_it_is_set(stage: Stage) -> None:
    stage.sink.set_cursor(b"\xff")
    stage.start()
    await stage.clock.advance(60)
    assert (stage.state, stage.host.asked) == (("halted", "CursorUnreadable"), [])
    stage.sink.set_cursor(b"30")
    await stage.clock.advance(CHECK_SECONDS + 0.5)
    assert stage.stored == [31, 32, 33, 34, 35]


async def test_while_redis_is_unavailable_no_page_is_fetched(stage: Stage) -> None:
    stage.host = FakeHost(35, page=5)
    stage.start()
    for _ in range(8):
        await asyncio.sleep(0)
    stage.sink.failure = UNAVAILABLE
    await settle()
    asked = len(stage.host.asked)
    await stage.clock.advance(STUCK_SECONDS + 60)
    assert len(stage.host.asked) == asked
    assert stage.state == ("backpressure", "RedisUnavailable")
    assert not stage.backfill.is_stuck
    stage.sink.failure = None
    await stage.clock.advance_until(lambda: stage.sink.cursor == DONE)
    assert stage.stored == list(range(1, 36))


async def test_empty_pages_are_fetched_slowly(stage: Stage) -> None:
    class Empty(FakeHost):
        async def fetch_page(self, *, cursor: str | None, limit: int) -> bytes:
            self.asked.append((cursor, limit))
            return json.dumps({"repos": [], "cursor": str(int(cursor or 0) + 1)}).encode()

    stage.host = Empty(0)
    stage.start()
    await stage.clock.advance(20)
    assert 25 <= len(stage.host.asked) <= 32
    assert stage.report.fields()["errors"] == "1"


async def test_it_stops_on_request(stage: Stage) -> None:
    stage.host.failures = [failed(503)] * 99
    stage.start()
    await settle()
    stage.backfill.stop()
    await settle()
    assert stage.task.done()
    assert stage.host.is_closed
    assert stage.report.condition.state is SourceState.STOPPED
