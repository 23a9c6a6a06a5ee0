"""A lost cursor: the source can't continue from it, with and without a notice."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from redis.asyncio import Redis

from e2e.relaysim.sim import RelaySim
from sluice_redis.contract import Stream, StreamKeys
from sluice_redis.sink.call import RedisCalls
from sluice_redis.sink.connection import connect
from sluice_redis.sink.redis_sink import RedisSink
from sluice_redis.sink.request import Fenced
from tests.integration.ingester.process import Ingester
from tests.integration.ingester.stored import expected_events, health, stored_events, until, until_state
from tests.integration.redis_server import RedisServer

PROFILES = ["spec", "pds", "indigo", "rainbow"]
Make = Callable[[str], Ingester]


def key(sim: RelaySim) -> str:
    return f"firehose_live:cursor:{sim.host}"


@pytest.fixture
async def sim() -> AsyncIterator[RelaySim]:
    async with RelaySim(paused=True) as running:
        yield running


@pytest.fixture
def make(redis_server: RedisServer, tmp_path: Path, sim: RelaySim) -> Make:
    """An ingester with `choice` as INGESTER_ON_CURSOR_LOST."""

    def ingester(choice: str) -> Ingester:
        return Ingester(tmp_path, redis_server.url, sim.url, INGESTER_ON_CURSOR_LOST=choice, INGESTER_MODE="firehose")

    return ingester


async def read_some(sim: RelaySim, client: Redis, ingester: Ingester, *, hours: float) -> int:
    """Store 100 events, stop the ingester, and make the newest event `hours` old. Returns its seq."""
    async with ingester:
        await sim.emit(100)
        await until_cursor(client, sim.host, sim.repos.next_seq - 1)
        assert await ingester.terminate() == 0
    old = (datetime.now(UTC) - timedelta(hours=hours)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    await client.hset(f"firehose_live:health:{sim.host}", "eventTime", old)
    return sim.repos.next_seq - 1


async def until_cursor(client: Redis, host: str, seq: int) -> None:
    async def reached() -> bool:
        stored = await client.get(f"firehose_live:cursor:{host}")
        return stored is not None and stored.isdigit() and int(stored) >= seq

    await until(reached)


def lost(found: dict[str, str]) -> tuple[str | None, ...]:
    return tuple(found.get(name) for name in ("lostReason", "lostFrom", "lostTo"))


@pytest.mark.parametrize("choice", ["", "oldest"])
@pytest.mark.parametrize("profile", PROFILES)
async def test_an_outdated_cursor_names_the_lost_range_and_continues(
    make: Make, client: Redis, sim: RelaySim, profile: str, choice: str
) -> None:
    """The source's window has moved past the cursor. The lost range is known, with a notice or without."""
    sim.fault("cursors", profile=profile)
    ingester = make(choice)
    newest = await read_some(sim, client, ingester, hours=96)
    await sim.emit(300)
    oldest = sim.fault("evict", keep=50)["oldest"]
    async with ingester:
        await until_cursor(client, sim.host, sim.repos.next_seq - 1)
        found = await health(client, sim.host)
        assert lost(found) == ("OutdatedCursor", str(newest + 1), str(oldest - 1))
        assert found["lostFromTime"] < found["lostToTime"] <= found["lostAt"]
        await until_state(client, sim.host, "streaming")
        await until(lambda: last_error(client, sim, f"seq {newest + 1} to {oldest - 1}"))
    assert await stored_events(client) == expected_events(
        [*sim.journal.between(0, newest), *sim.journal.between(oldest)]
    )


async def last_error(client: Redis, sim: RelaySim, words: str) -> bool:
    return words in (await health(client, sim.host)).get("lastError", "")


@pytest.mark.parametrize("profile", PROFILES)
async def test_an_outdated_cursor_halts_if_configured(make: Make, client: Redis, sim: RelaySim, profile: str) -> None:
    sim.fault("cursors", profile=profile)
    ingester = make("halt")
    newest = await read_some(sim, client, ingester, hours=96)
    before = await stored_events(client)
    await sim.emit(300)
    oldest = sim.fault("evict", keep=50)["oldest"]
    async with ingester:
        await until_state(client, sim.host, "halted", "OutdatedCursor")
        assert (await client.get(key(sim)), await stored_events(client)) == (str(newest).encode(), before)
        assert "SET firehose_live:cursor" in (await health(client, sim.host))["message"]
        await client.set(key(sim), "0")
        await until_cursor(client, sim.host, sim.repos.next_seq - 1)
        assert await stored_events(client) == before + expected_events(sim.journal.between(oldest))


@pytest.mark.parametrize("profile", PROFILES)
async def test_an_outdated_cursor_continues_live_if_configured(
    make: Make, client: Redis, sim: RelaySim, profile: str
) -> None:
    sim.fault("cursors", profile=profile)
    ingester = make("live")
    newest = await read_some(sim, client, ingester, hours=96)
    before = await stored_events(client)
    await sim.emit(300)
    sim.fault("evict", keep=50)
    async with ingester:
        await until(lambda: is_live(client, sim))
        assert lost(await health(client, sim.host)) == ("OutdatedCursor", str(newest + 1), "")
        await until(lambda: streams_live(sim))
        first = (await sim.emit(20))[0].seq
        await until_cursor(client, sim.host, first + 19)
        assert lost(await health(client, sim.host)) == ("OutdatedCursor", str(newest + 1), str(first - 1))
        assert await stored_events(client) == before + expected_events(sim.journal.between(first))


async def is_live(client: Redis, sim: RelaySim) -> bool:
    return await client.get(key(sim)) == b"!live"


async def streams_live(sim: RelaySim) -> bool:
    """Whether the connection with a cursor is closed, and one without a cursor is open."""
    return [reader.cursor for reader in sim.repos.readers] == [None]


@pytest.mark.parametrize("profile", PROFILES)
async def test_nothing_is_lost_inside_the_window(make: Make, client: Redis, sim: RelaySim, profile: str) -> None:
    """No loss: a long quiet time, seqs that the source leaves out, and everything before the window at cursor 0."""
    sim.fault("cursors", profile=profile)
    ingester = make("halt")
    await read_some(sim, client, ingester, hours=9)
    await sim.emit(50)
    async with ingester:
        await until_cursor(client, sim.host, sim.repos.next_seq - 1)
        sim.fault("gap", count=500)
        await sim.emit(50)
        await until_cursor(client, sim.host, sim.repos.next_seq - 1)
        sim.fault("evict", keep=5)
        await client.set(key(sim), "0")
        await sim.emit(5)
        await until_cursor(client, sim.host, sim.repos.next_seq - 1)
        assert lost(await health(client, sim.host)) == (None, None, None)


async def test_a_sequence_that_jumps_up_without_a_pause_loses_nothing(make: Make, client: Redis, sim: RelaySim) -> None:
    """bsky.network did this, by billions."""
    sim.fault("cursors", profile="indigo")
    ingester = make("")
    await read_some(sim, client, ingester, hours=0)
    sim.fault("seq", by=11_000_000_000)
    await sim.emit(50)
    async with ingester:
        await until_cursor(client, sim.host, sim.repos.next_seq - 1)
        assert lost(await health(client, sim.host)) == (None, None, None)
    assert await stored_events(client) == expected_events(sim.journal)


@pytest.mark.parametrize("choice", ["", "halt", "oldest", "live"])
@pytest.mark.parametrize("profile", ["spec", "rainbow"])
async def test_a_sequence_that_restarted(make: Make, client: Redis, sim: RelaySim, choice: str, profile: str) -> None:
    reason = "FutureCursor" if profile == "spec" else "SequenceMovedBack"
    sim.fault("cursors", profile=profile)
    ingester = make(choice)
    newest = await read_some(sim, client, ingester, hours=1)
    before = await stored_events(client)
    first_seq = sim.fault("seq", by=-5_000_000)["next_seq"]
    sim.repos.set_pace(rate=20, paused=False)
    async with ingester:
        if choice in {"", "halt"}:
            await until_state(client, sim.host, "halted", reason)
            assert (await client.get(key(sim)), await stored_events(client)) == (str(newest).encode(), before)
            return
        await until(lambda: moved_to(client, sim, below=newest))
        sim.pause()
        await until_cursor(client, sim.host, sim.repos.next_seq - 1)
        found = await health(client, sim.host)
        assert lost(found) == (reason, str(newest + 1), "")
        assert found["lostToTime"]
        after = (await stored_events(client))[len(before) :]
        assert after == expected_events(sim.journal.between(after[0][0], sim.repos.next_seq - 1))
        assert (after[0][0] == first_seq) is (choice == "oldest")


async def moved_to(client: Redis, sim: RelaySim, *, below: int) -> bool:
    stored = await client.get(key(sim))
    return stored is not None and stored.isdigit() and 0 < int(stored) < below


async def test_a_crash_before_the_first_live_event_keeps_the_loss(make: Make, client: Redis, sim: RelaySim) -> None:
    ingester = make("live")
    newest = await read_some(sim, client, ingester, hours=96)
    await sim.emit(300)
    sim.fault("evict", keep=50)
    async with ingester:
        await until(lambda: is_live(client, sim))
        await ingester.kill()
    async with ingester:
        await until(lambda: streams_live(sim))
        first = (await sim.emit(20))[0].seq
        await until_cursor(client, sim.host, first + 19)
        assert lost(await health(client, sim.host)) == ("OutdatedCursor", str(newest + 1), str(first - 1))


async def test_a_source_that_restarts_its_sequence_repeatedly_halts(make: Make, client: Redis, sim: RelaySim) -> None:
    """The ingester resets a cursor once by itself. Two servers behind one name would cause endless resets."""
    ingester = make("oldest")
    newest = await read_some(sim, client, ingester, hours=1)
    sim.fault("seq", by=-5_000_000)
    await sim.emit(50)
    async with ingester:
        await until(lambda: moved_to(client, sim, below=newest))
        await until_cursor(client, sim.host, sim.repos.next_seq - 1)
        before = await client.get(key(sim))
        sim.fault("seq", by=-5_000_000)
        await sim.emit(50)
        sim.fault("cut")
        await until_state(client, sim.host, "halted", "SequenceMovedBack")
        assert await client.get(key(sim)) == before


async def test_a_cursor_set_by_another_writer_is_not_overwritten(redis_server: RedisServer, client: Redis) -> None:
    keys = StreamKeys(stream=Stream.FIREHOSE, host="relay.test")
    async with connect(redis_server.url) as redis:
        sink = RedisSink(RedisCalls(redis), keys, high_water_mark=10)
        for stored, expected in [(b"8", b"7"), (None, b"7"), (b"7", None)]:
            await client.delete(keys.cursor)
            if stored is not None:
                await client.set(keys.cursor, stored)
            answer = await sink.reset_cursor(expected_cursor=expected, cursor="0", health_fields={"lostFrom": "8"})
            assert (answer, await client.get(keys.cursor)) == (Fenced(stored), stored)
            assert await client.exists(keys.health) == 0
        assert await sink.reset_cursor(expected_cursor=b"7", cursor="0", health_fields={"lostFrom": "8"}) is None
        assert (await client.get(keys.cursor), await client.hgetall(keys.health)) == (b"0", {b"lostFrom": b"8"})
