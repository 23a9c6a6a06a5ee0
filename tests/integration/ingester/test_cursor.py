"""The stored cursor: set by hand while the ingester runs, unreadable, outdated, in the future, moved back."""

from pathlib import Path

import pytest
from redis.asyncio import Redis

from e2e.relaysim.sim import RelaySim
from tests.integration.ingester.process import Ingester
from tests.integration.ingester.stored import (
    expected_events,
    health,
    stored_events,
    until,
    until_cursor,
    until_state,
)
from tests.integration.redis_server import RedisServer


@pytest.mark.parametrize("quiet", [False, True])
async def test_a_cursor_set_back_by_hand(
    redis_server: RedisServer, client: Redis, tmp_path: Path, *, quiet: bool
) -> None:
    """The events after the new cursor are read again, whether the source sends something new or not."""
    async with RelaySim(rate=0, limit=1000) as sim, Ingester(tmp_path, redis_server.url, sim.url) as ingester:
        first, last = sim.options.first_seq, sim.options.first_seq + 999
        await until_cursor(client, sim.host, last)
        await client.set(f"firehose_live:cursor:{sim.host}", first + 499)
        if not quiet:
            last = (await sim.emit(1))[0].seq
        await until_cursor(client, sim.host, last)
        again = sim.journal.between(first + 500)
        await until(
            lambda: has_length(
                client, len(expected_events(sim.journal.between(first, first + 999))) + len(expected_events(again))
            )
        )
        assert await stored_events(client) == expected_events(
            sim.journal.between(first, first + 999)
        ) + expected_events(again)
        assert await ingester.shows(f'sluice_ingester_fenced_total{{source="{sim.host}"}}', 1)


async def test_a_cursor_deleted_by_hand(redis_server: RedisServer, client: Redis, tmp_path: Path) -> None:
    async with RelaySim(rate=0, limit=300) as sim, Ingester(tmp_path, redis_server.url, sim.url):
        last = sim.options.first_seq + 299
        await until_cursor(client, sim.host, last)
        await client.delete(f"firehose_live:cursor:{sim.host}")
        await until_cursor(client, sim.host, last)
        assert await stored_events(client) == 2 * expected_events(sim.journal)


async def test_an_unreadable_cursor_is_not_taken_for_a_missing_one(
    redis_server: RedisServer, client: Redis, tmp_path: Path
) -> None:
    async with RelaySim(prefill=300, paused=True) as sim:
        key = f"firehose_live:cursor:{sim.host}"
        await client.set(key, "6322875401\n")
        async with Ingester(tmp_path, redis_server.url, sim.url) as ingester:
            await until_state(client, sim.host, "halted", "CursorUnreadable")
            assert key in (await health(client, sim.host))["message"]
            assert (await ingester.get("/readyz"))[0] == 503
            assert (await ingester.get("/healthz"))[0] == 200
            assert await client.xlen("firehose_live") == 0
            await client.set(key, sim.options.first_seq + 99)
            await until_cursor(client, sim.host, sim.options.first_seq + 299)
            assert await stored_events(client) == expected_events(sim.journal.between(sim.options.first_seq + 100))


async def test_a_cursor_in_the_future_halts(redis_server: RedisServer, client: Redis, tmp_path: Path) -> None:
    async with RelaySim(rate=0, limit=300, prefill=10) as sim:
        key = f"firehose_live:cursor:{sim.host}"
        await client.set(key, 9_000_000_000)
        async with Ingester(tmp_path, redis_server.url, sim.url):
            await until_state(client, sim.host, "halted", "FutureCursor")
            assert await client.get(key) == b"9000000000"
            assert await client.xlen("firehose_live") == 0
            await client.delete(key)
            await until_cursor(client, sim.host, sim.options.first_seq + 299)
            assert await stored_events(client) == expected_events(sim.journal)


@pytest.mark.parametrize("back", [-5_000_000, -400])
async def test_a_sequence_that_restarted_without_notice_halts(
    redis_server: RedisServer, client: Redis, tmp_path: Path, back: int
) -> None:
    """The plain relay does not report a cursor in the future. Only the seqs show it."""
    async with RelaySim(rate=200) as sim, Ingester(tmp_path, redis_server.url, sim.url):
        sim.fault("cursors", profile="indigo")
        await until_cursor(client, sim.host, sim.options.first_seq + 500)
        sim.pause()
        await until_cursor(client, sim.host, sim.repos.next_seq - 1)
        before = await stored_events(client)
        first_seq = sim.fault("seq", by=back)["next_seq"]
        sim.resume()
        await until_state(client, sim.host, "halted", "SequenceMovedBack")
        assert await stored_events(client) == before
        await client.set(f"firehose_live:cursor:{sim.host}", first_seq - 1)
        await until_state(client, sim.host, "streaming")
        sim.pause()
        await until_cursor(client, sim.host, sim.repos.next_seq - 1)
        assert await stored_events(client) == expected_events(sim.journal)


async def test_an_outdated_cursor_continues_from_the_oldest_event_and_is_reported(
    redis_server: RedisServer, client: Redis, tmp_path: Path
) -> None:
    async with RelaySim(rate=0, limit=500, prefill=500) as sim:
        oldest = sim.fault("evict", keep=200)["oldest"]
        await client.set(f"firehose_live:cursor:{sim.host}", sim.options.first_seq)
        async with Ingester(tmp_path, redis_server.url, sim.url) as ingester:
            await until_cursor(client, sim.host, sim.options.first_seq + 499)
            assert await stored_events(client) == expected_events(sim.journal.between(oldest))
            errors = f'sluice_ingester_errors_total{{kind="OutdatedCursor",source="{sim.host}"}}'
            assert await ingester.shows(errors, 1)
            await until(lambda: last_error_contains(client, sim.host, "no longer has the events after cursor"))


@pytest.mark.parametrize("profile", ["spec", "pds", "indigo", "rainbow"])
async def test_every_profile_replays_without_doubles(
    redis_server: RedisServer, client: Redis, tmp_path: Path, profile: str
) -> None:
    async with RelaySim(rate=300) as sim, Ingester(tmp_path, redis_server.url, sim.url):
        sim.fault("cursors", profile=profile)
        for _ in range(3):
            await until_cursor(client, sim.host, sim.repos.next_seq)
            sim.fault("repeat", count=2)
            sim.fault("cut")
        sim.pause()
        await until_cursor(client, sim.host, sim.repos.next_seq - 1)
        assert await stored_events(client) == expected_events(sim.journal)


async def test_a_replay_longer_than_that_of_any_real_source(
    redis_server: RedisServer, client: Redis, tmp_path: Path
) -> None:
    """A jump back in the middle of a stream is checked by a reconnect first. After that everything is in order."""
    async with RelaySim(rate=300) as sim, Ingester(tmp_path, redis_server.url, sim.url):
        await until_cursor(client, sim.host, sim.options.first_seq + 300)
        sim.fault("repeat", count=200)
        await until_cursor(client, sim.host, sim.repos.next_seq + 300)
        sim.pause()
        await until_cursor(client, sim.host, sim.repos.next_seq - 1)
        assert await stored_events(client) == expected_events(sim.journal)


@pytest.mark.parametrize("profile", ["spec", "pds"])
async def test_start_from_a_seq(redis_server: RedisServer, client: Redis, tmp_path: Path, profile: str) -> None:
    async with RelaySim(rate=0, limit=300, prefill=300) as sim:
        sim.fault("cursors", profile=profile)
        wanted = sim.options.first_seq + 100
        async with Ingester(tmp_path, redis_server.url, sim.url, INGESTER_START_FROM=str(wanted)):
            await until_cursor(client, sim.host, sim.options.first_seq + 299)
        assert await stored_events(client) == expected_events(sim.journal.between(wanted))


async def test_start_live(redis_server: RedisServer, client: Redis, tmp_path: Path) -> None:
    async with (
        RelaySim(paused=True, prefill=300) as sim,
        Ingester(tmp_path, redis_server.url, sim.url, INGESTER_START_FROM="live"),
    ):
        await sim.connected()
        notes = await sim.emit(100)
        await until_cursor(client, sim.host, notes[-1].seq)
        assert await stored_events(client) == expected_events(notes)


async def has_length(client: Redis, length: int) -> bool:
    return await client.xlen("firehose_live") >= length


async def last_error_contains(client: Redis, host: str, text: str) -> bool:
    return text in (await health(client, host)).get("lastError", "")
