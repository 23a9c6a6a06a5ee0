"""The cursor: set by hand while the ingester runs, unreadable, outdated, in the future, moved back."""

from pathlib import Path

import pytest
from redis.asyncio import Redis

from e2e.relaysim.sim import RelaySim
from tests.integration.ingester.process import Ingester
from tests.integration.ingester.stored import (
    health,
    should,
    stands,
    until,
    until_cursor,
    until_state,
)
from tests.integration.redis_server import RedisServer


@pytest.mark.parametrize("quiet", [False, True])
async def test_set_back_by_hand(redis_server: RedisServer, client: Redis, tmp_path: Path, *, quiet: bool) -> None:
    """What comes after the new cursor comes again, whether the source has something new to say or not."""
    async with RelaySim(rate=0, limit=1000) as sim, Ingester(tmp_path, redis_server.url, sim.url) as ingester:
        first, last = sim.options.first_seq, sim.options.first_seq + 999
        await until_cursor(client, sim.host, last)
        await client.set(f"firehose_live:cursor:{sim.host}", first + 499)
        if not quiet:
            last = (await sim.emit(1))[0].seq
        await until_cursor(client, sim.host, last)
        again = sim.journal.between(first + 500)
        await until(
            lambda: has_length(client, len(should(sim.journal.between(first, first + 999))) + len(should(again)))
        )
        assert await stands(client) == should(sim.journal.between(first, first + 999)) + should(again)
        assert await ingester.shows(f'sluice_ingester_fenced_total{{source="{sim.host}"}}', 1)


async def test_deleted_by_hand(redis_server: RedisServer, client: Redis, tmp_path: Path) -> None:
    async with RelaySim(rate=0, limit=300) as sim, Ingester(tmp_path, redis_server.url, sim.url):
        last = sim.options.first_seq + 299
        await until_cursor(client, sim.host, last)
        await client.delete(f"firehose_live:cursor:{sim.host}")
        await until_cursor(client, sim.host, last)
        assert await stands(client) == 2 * should(sim.journal)


async def test_unreadable_is_not_missing(redis_server: RedisServer, client: Redis, tmp_path: Path) -> None:
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
            assert await stands(client) == should(sim.journal.between(sim.options.first_seq + 100))


async def test_in_the_future_halts(redis_server: RedisServer, client: Redis, tmp_path: Path) -> None:
    async with RelaySim(rate=0, limit=300, prefill=10) as sim:
        key = f"firehose_live:cursor:{sim.host}"
        await client.set(key, 9_000_000_000)
        async with Ingester(tmp_path, redis_server.url, sim.url):
            await until_state(client, sim.host, "halted", "FutureCursor")
            assert await client.get(key) == b"9000000000"
            assert await client.xlen("firehose_live") == 0
            await client.delete(key)
            await until_cursor(client, sim.host, sim.options.first_seq + 299)
            assert await stands(client) == should(sim.journal)


@pytest.mark.parametrize("back", [-5_000_000, -400])
async def test_a_sequence_that_silently_began_anew_halts(
    redis_server: RedisServer, client: Redis, tmp_path: Path, back: int
) -> None:
    """The plain relay says nothing of a cursor in its future; only the seqs tell."""
    async with RelaySim(rate=200) as sim, Ingester(tmp_path, redis_server.url, sim.url):
        sim.fault("cursors", profile="indigo")
        await until_cursor(client, sim.host, sim.options.first_seq + 500)
        sim.pause()
        await until_cursor(client, sim.host, sim.repos.next_seq - 1)
        before = await stands(client)
        anew = sim.fault("seq", by=back)["next_seq"]
        sim.resume()
        await until_state(client, sim.host, "halted", "SequenceMovedBack")
        assert await stands(client) == before
        await client.set(f"firehose_live:cursor:{sim.host}", anew - 1)
        await until_state(client, sim.host, "streaming")
        sim.pause()
        await until_cursor(client, sim.host, sim.repos.next_seq - 1)
        assert await stands(client) == should(sim.journal)


async def test_outdated_goes_on_from_the_oldest_and_says_so(
    redis_server: RedisServer, client: Redis, tmp_path: Path
) -> None:
    async with RelaySim(rate=0, limit=500, prefill=500) as sim:
        oldest = sim.fault("evict", keep=200)["oldest"]
        await client.set(f"firehose_live:cursor:{sim.host}", sim.options.first_seq)
        async with Ingester(tmp_path, redis_server.url, sim.url) as ingester:
            await until_cursor(client, sim.host, sim.options.first_seq + 499)
            assert await stands(client) == should(sim.journal.between(oldest))
            errors = f'sluice_ingester_errors_total{{kind="OutdatedCursor",source="{sim.host}"}}'
            assert await ingester.shows(errors, 1)
            await until(lambda: says(client, sim.host, "no longer has the events after cursor"))


@pytest.mark.parametrize("profile", ["spec", "pds", "indigo", "rainbow"])
async def test_every_way_to_replay(redis_server: RedisServer, client: Redis, tmp_path: Path, profile: str) -> None:
    async with RelaySim(rate=300) as sim, Ingester(tmp_path, redis_server.url, sim.url):
        sim.fault("cursors", profile=profile)
        for _ in range(3):
            await until_cursor(client, sim.host, sim.repos.next_seq)
            sim.fault("repeat", count=2)
            sim.fault("cut")
        sim.pause()
        await until_cursor(client, sim.host, sim.repos.next_seq - 1)
        assert await stands(client) == should(sim.journal)


async def test_more_repeats_than_any_source_has(redis_server: RedisServer, client: Redis, tmp_path: Path) -> None:
    """A jump back in the middle of a stream is not believed at once: after a reconnect all is well."""
    async with RelaySim(rate=300) as sim, Ingester(tmp_path, redis_server.url, sim.url):
        await until_cursor(client, sim.host, sim.options.first_seq + 300)
        sim.fault("repeat", count=200)
        await until_cursor(client, sim.host, sim.repos.next_seq + 300)
        sim.pause()
        await until_cursor(client, sim.host, sim.repos.next_seq - 1)
        assert await stands(client) == should(sim.journal)


@pytest.mark.parametrize("profile", ["spec", "pds"])
async def test_start_from_a_seq(redis_server: RedisServer, client: Redis, tmp_path: Path, profile: str) -> None:
    async with RelaySim(rate=0, limit=300, prefill=300) as sim:
        sim.fault("cursors", profile=profile)
        wanted = sim.options.first_seq + 100
        async with Ingester(tmp_path, redis_server.url, sim.url, INGESTER_START_FROM=str(wanted)):
            await until_cursor(client, sim.host, sim.options.first_seq + 299)
        assert await stands(client) == should(sim.journal.between(wanted))


async def test_start_live(redis_server: RedisServer, client: Redis, tmp_path: Path) -> None:
    async with (
        RelaySim(paused=True, prefill=300) as sim,
        Ingester(tmp_path, redis_server.url, sim.url, INGESTER_START_FROM="live"),
    ):
        await sim.connected()
        notes = await sim.emit(100)
        await until_cursor(client, sim.host, notes[-1].seq)
        assert await stands(client) == should(notes)


async def has_length(client: Redis, length: int) -> bool:
    return await client.xlen("firehose_live") >= length


async def says(client: Redis, host: str, text: str) -> bool:
    return text in (await health(client, host)).get("lastError", "")
