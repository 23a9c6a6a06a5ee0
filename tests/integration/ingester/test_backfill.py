"""The backfill stores each repo exactly once, whatever goes wrong with the listing."""

import asyncio
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any, cast

import pytest
from redis.asyncio import Redis

from e2e.relaysim.sim import RelaySim
from sluice_redis.contract import BACKFILL_DONE
from tests.integration.ingester.process import Ingester
from tests.integration.ingester.stored import until
from tests.integration.redis_server import RedisServer

STREAM = "repo_backfill"


def backfill(
    tmp_path: Path, redis_server: RedisServer, sim: RelaySim, *, speed: float = 1.0, **environment: str
) -> Ingester:
    return Ingester(tmp_path, redis_server.url, sim.url, speed=speed, INGESTER_MODE="backfill", **environment)


async def cursor(client: Redis, sim: RelaySim) -> str:
    return cast("bytes", await client.get(f"{STREAM}:cursor:{sim.host}") or b"").decode()


async def health(client: Redis, sim: RelaySim) -> dict[str, str]:
    fields: dict[bytes, bytes] = await client.hgetall(f"{STREAM}:health:{sim.host}")  # type: ignore[misc]
    return {name.decode(): value.decode() for name, value in fields.items()}


async def until_done(client: Redis, sim: RelaySim, *, within: float = 60.0) -> None:
    async def done() -> bool:
        return await cursor(client, sim) == BACKFILL_DONE

    await until(done, within=within)


async def until_health(client: Redis, sim: RelaySim, *, within: float = 60.0, **wanted: str) -> None:
    async def holds() -> bool:
        found = await health(client, sim)
        return all(found.get(name) == value for name, value in wanted.items())

    await until(holds, within=within)


async def repos(client: Redis) -> list[dict[str, Any]]:
    entries: list[Any] = cast("list[Any]", await client.xrange(STREAM))
    return [json.loads(fields[b"repo"]) for _, fields in entries]


def dids(sim: RelaySim, *without: int) -> Counter[str]:
    return Counter(sim.network.listed(index).did for index in range(len(sim.network)) if index not in without)


@pytest.mark.parametrize("listing", ["uid", "pds"])
async def test_a_listing_arrives_whole(redis_server: RedisServer, client: Redis, tmp_path: Path, listing: Any) -> None:
    async with (
        RelaySim(paused=True, dormant=3000, listing=listing) as sim,
        backfill(tmp_path, redis_server, sim) as ingester,
    ):
        await until_done(client, sim)
        found = await repos(client)
        assert Counter(repo["did"] for repo in found) == dids(sim)
        assert [list(repo) for repo in found[:1]] == [["did", "host", "rev", "status", "active"]]
        assert {repo["host"] for repo in found} == {sim.http_url}
        listed = {sim.network.listed(i).did: sim.network.listed(i) for i in range(len(sim.network))}
        assert all(
            (repo["rev"], repo["status"]) == (listed[repo["did"]].rev, listed[repo["did"]].status) for repo in found
        )
        await until_health(client, sim, state="done", events=str(len(found)))
        assert await ingester.shows("ingester_backfill_repos_written_total", len(found))
        assert await ingester.shows("ingester_backfill_repos_fetched_total", len(found))
        assert await ingester.shows("ingester_backfill_complete", 1)
        assert (await ingester.get("/readyz"))[0] == 200
        assert await ingester.terminate() == 0
        assert (await health(client, sim))["state"] == "stopped"


@pytest.mark.timeout(600)
async def test_twenty_thousand_repos_despite_kills_and_faults(
    redis_server: RedisServer, client: Redis, tmp_path: Path
) -> None:
    chance = random.Random(4)
    async with RelaySim(paused=True, dormant=20_000) as sim:
        sim.fault("listing", bad=[4321, 12_345], times=14, bare=[7, 8000, 19_999])
        ingester = backfill(tmp_path, redis_server, sim)
        faults = [
            lambda: sim.fault("refuse", endpoint="listRepos", status=500, times=2),
            lambda: sim.fault("refuse", endpoint="listRepos", status=429, retry_after="1"),
            lambda: sim.fault("refuse", endpoint="listRepos", status=502, html=True),
            lambda: sim.fault("listing", repeats=2),
            lambda: sim.fault("listing", loop=2),
            lambda: sim.fault("listing", shrink=300),
            lambda: sim.fault("listing", shrink=0),
        ]
        kills = 0
        await ingester.start()
        for fault in (*faults, *faults):
            fault()
            before = await cursor(client, sim)
            while await cursor(client, sim) == before != BACKFILL_DONE:
                await asyncio.sleep(0.005)
            if kills < 5:  # often in the middle of a page
                await asyncio.sleep(chance.uniform(0.0, 0.05))
                await ingester.kill()
                kills += 1
                await ingester.start()
        try:
            await until_done(client, sim, within=400)
        finally:
            log = ingester.log
            await ingester.kill()
        found = await repos(client)
        assert Counter(repo["did"] for repo in found) == dids(sim)
        bare = {sim.network.listed(index).did for index in (7, 8000, 19_999)}
        assert {repo["did"] for repo in found if repo["rev"] == ""} == bare
        assert "Http500" in log
        assert "repository state not available" in log


async def test_a_kill_while_a_page_is_fetched_or_stored(
    redis_server: RedisServer, client: Redis, tmp_path: Path
) -> None:
    """Killed while the host prepares its answer, and again while Redis delays its answer."""
    async with RelaySim(paused=True, dormant=5000) as sim:
        ingester = backfill(tmp_path, redis_server, sim)
        sim.fault("listing", shrink=100, bad=[4900])  # the listing waits there, so it can't end too early
        await ingester.start()
        await until(lambda: cursor(client, sim))
        redis_server.pause(seconds=0.5)
        await asyncio.sleep(0.2)
        await ingester.kill()
        await asyncio.sleep(0.5)
        assert await cursor(client, sim) != BACKFILL_DONE
        sim.fault("listing", bad=[])
        async with ingester:
            await until_done(client, sim)
        assert Counter(repo["did"] for repo in await repos(client)) == dids(sim)


async def test_two_backfillers_at_once(redis_server: RedisServer, client: Redis, tmp_path: Path) -> None:
    async with (
        RelaySim(paused=True, dormant=8000) as sim,
        backfill(tmp_path, redis_server, sim),
        backfill(tmp_path, redis_server, sim),
    ):
        sim.fault("listing", shrink=100)
        await until_done(client, sim)
        assert Counter(repo["did"] for repo in await repos(client)) == dids(sim)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("listing", ["uid", "pds"])
async def test_a_single_bad_repo_is_skipped_if_configured(
    redis_server: RedisServer, client: Redis, tmp_path: Path, listing: Any
) -> None:
    async with RelaySim(paused=True, dormant=1500, listing=listing) as sim:
        sim.fault("listing", bad=[0, 700, 701])
        if listing == "pds":  # there is no cursor from which to skip the very first one
            sim.fault("listing", bad=[1, 700, 701])
        bad = tuple(sim.listing.faults.bad)
        async with backfill(tmp_path, redis_server, sim, speed=4, INGESTER_ON_PAGE_ERROR="skip-repo") as ingester:
            await until_done(client, sim, within=300)
            assert Counter(repo["did"] for repo in await repos(client)) == dids(sim, *bad)
            assert await ingester.shows("ingester_backfill_cursor_skips_total", 3)
        letters = cast("list[Any]", await client.xrange(f"{STREAM}:deadletter"))
        assert [fields[b"detail"].decode() for _, fields in letters] == [sim.network.listed(i).did for i in bad]
        assert all(fields[b"reason"].startswith(b"RepoSkipped: ") for _, fields in letters)


@pytest.mark.timeout(600)
async def test_a_bad_repo_that_can_not_be_skipped_is_retried(
    redis_server: RedisServer, client: Redis, tmp_path: Path
) -> None:
    """The very first repo of a PDS: there is no cursor yet, so their form is unknown."""
    async with RelaySim(paused=True, listing="pds") as sim:
        sim.fault("listing", bad=[0])
        async with backfill(tmp_path, redis_server, sim, speed=4, INGESTER_ON_PAGE_ERROR="skip-repo") as ingester:

            async def often() -> bool:
                return await ingester.metric("ingester_backfill_fetch_errors_total") >= 14

            await until(often, within=300)
            found = await health(client, sim)
            assert (found["state"], found["reason"]) == ("waiting", "Http500")
            assert await client.xlen(STREAM) == 0
            sim.fault("listing", bad=[])
            await until_done(client, sim)
        assert Counter(repo["did"] for repo in await repos(client)) == dids(sim)


async def test_a_bad_repo_is_retried_by_default(redis_server: RedisServer, client: Redis, tmp_path: Path) -> None:
    async with RelaySim(paused=True, dormant=1500) as sim:
        sim.fault("listing", bad=[700])
        async with backfill(tmp_path, redis_server, sim):

            async def before_it() -> bool:
                return len(await repos(client)) == 700

            await until(before_it)
            await until_health(client, sim, state="waiting", reason="Http500")
            await asyncio.sleep(2)
            assert len(await repos(client)) == 700
            assert sim.network.listed(700).did in (await health(client, sim))["message"]
            sim.fault("listing", bad=[])
            await until_done(client, sim)
        assert Counter(repo["did"] for repo in await repos(client)) == dids(sim)


async def test_backpressure(redis_server: RedisServer, client: Redis, tmp_path: Path) -> None:
    """At the high-water mark no page is fetched. While a consumer works, each repo arrives once."""
    async with RelaySim(paused=True, dormant=5000) as sim:
        sim.fault("listing", shrink=400)
        async with backfill(tmp_path, redis_server, sim, INGESTER_HIGH_WATER_MARK="1000") as ingester:
            await until_health(client, sim, state="backpressure", reason="HighWaterMark")
            assert await client.xlen(STREAM) <= 1400
            assert (await ingester.get("/readyz"))[0] == 200
            got: list[str] = []
            await client.xgroup_create(STREAM, "repo_backfill_group", "0")
            while await cursor(client, sim) != BACKFILL_DONE or await client.xlen(STREAM):
                got += await consume(client)
        assert Counter(got) == dids(sim)


async def consume(client: Redis) -> list[str]:
    """Read as the consumers of the Rust ingester do: field `repo`, XACK and XDEL for each entry."""
    answer = await client.xreadgroup("repo_backfill_group", "backfiller_1", {STREAM: ">"}, count=500, block=200)
    got = []
    for _, entries in cast("list[Any]", answer):
        for name, fields in entries:
            got.append(json.loads(fields[b"repo"])["did"])
            await client.xack(STREAM, "repo_backfill_group", name)
            await client.xdel(STREAM, name)
    return got


async def test_redis_is_killed_and_restarted(own_redis: Any, tmp_path: Path) -> None:
    server = own_redis(appendonly="yes", appendfsync="always")
    async with RelaySim(paused=True, dormant=6000) as sim, server.connect() as client:
        sim.fault("listing", shrink=200, bad=[5900])  # the listing waits there, so it can't end too early
        async with backfill(tmp_path, server, sim):
            await until(lambda: cursor(client, sim))
            server.kill()
            await asyncio.sleep(0.5)
            sim.fault("listing", bad=[])
            server.start()
            await client.connection_pool.disconnect()  # the test's own connection broke too
            await until_done(client, sim)
        assert Counter(repo["did"] for repo in await repos(client)) == dids(sim)


async def test_a_finished_listing_starts_again_only_when_the_cursor_is_deleted(
    redis_server: RedisServer, client: Redis, tmp_path: Path
) -> None:
    async with RelaySim(paused=True, dormant=50) as sim:
        await client.set(f"{STREAM}:cursor:{sim.host}", BACKFILL_DONE)
        async with backfill(tmp_path, redis_server, sim) as ingester:
            await until_health(client, sim, state="done")
            assert (await ingester.get("/readyz"))[0] == 200
            assert await client.xlen(STREAM) == 0
            await client.delete(f"{STREAM}:cursor:{sim.host}")
            await until_done(client, sim)
            assert Counter(repo["did"] for repo in await repos(client)) == dids(sim)


async def test_a_rescan_lists_all_repos_again(redis_server: RedisServer, client: Redis, tmp_path: Path) -> None:
    async with RelaySim(paused=True, dormant=1200) as sim:
        size = len(sim.network)
        async with backfill(tmp_path, redis_server, sim, INGESTER_BACKFILL_RESCAN_SECONDS="3"):
            await until_health(client, sim, state="done")  # it is idle between two rescans

            async def twice() -> bool:  # on a slow machine the third rescan may have begun
                return await client.xlen(STREAM) >= 2 * size

            await until(twice)
        found = [repo["did"] for repo in await repos(client)]
        assert Counter(found[:size]) == Counter(found[size : 2 * size]) == dids(sim)


async def test_stop_while_it_waits_to_retry(redis_server: RedisServer, client: Redis, tmp_path: Path) -> None:
    async with RelaySim(paused=True) as sim:
        sim.fault("refuse", endpoint="listRepos", status=429, times=None, retry_after="300")
        async with backfill(tmp_path, redis_server, sim) as ingester:
            await until_health(client, sim, state="waiting", reason="Http429")
            assert await ingester.terminate(within=15) == 0


async def test_the_cursor_is_moved_while_it_waits_to_retry(
    redis_server: RedisServer, client: Redis, tmp_path: Path
) -> None:
    async with RelaySim(paused=True) as sim:
        sim.fault("refuse", endpoint="listRepos", status=429, times=None, retry_after="300")
        async with backfill(tmp_path, redis_server, sim):
            await until_health(client, sim, state="waiting", reason="Http429")
            await client.set(f"{STREAM}:cursor:{sim.host}", BACKFILL_DONE)
            await until_health(client, sim, state="done")
