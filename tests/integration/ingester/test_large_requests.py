"""A Redis that refuses large requests, and one that refuses entries: nothing is lost or stored twice.

Whatever stops the ingester is reported.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from e2e.relaysim.sim import RelaySim
from tests.integration.ingester.capped import Capped
from tests.integration.ingester.process import Ingester
from tests.integration.ingester.stored import (
    events,
    expected_events,
    health,
    stored_events,
    until,
    until_cursor,
    until_state,
)
from tests.integration.redis_server import RedisServer

STREAM = "firehose_live"
LAST = "18446744073709551615"
BIG = 300_000  # above each event of the sources here but those of "largest"


async def letters(client: Redis, stream: str = STREAM) -> list[dict[str, Any]]:
    entries: Any = await client.xrange(f"{stream}:deadletter")
    return [{name.decode(): value for name, value in fields.items()} for _, fields in entries]


@pytest.mark.parametrize(
    "words",
    [
        "",
        "Protocol error: invalid bulk length",
        "request too large",
        "command exceeds the maximum size",
        None,
    ],
    ids=["limit named", "bulk", "too large", "exceeds", "closed"],
)
async def test_a_batch_is_split(redis_server: RedisServer, client: Redis, tmp_path: Path, words: str | None) -> None:
    most = 200_000 if words is None else 20_000
    async with (
        Capped(redis_server.port, most=most, words=words) as capped,
        RelaySim(rate=0, limit=1500, prefill=1500) as sim,
        Ingester(tmp_path, capped.url, sim.url, INGESTER_BATCH_SIZE="1000") as ingester,
    ):
        await until_cursor(client, sim.host, sim.options.first_seq + 1499, within=120)
        assert await stored_events(client) == expected_events(sim.journal)
        assert await letters(client) == []
        assert capped.refused
        if words == "":  # the error names the limit: one refusal is enough
            assert len(capped.refused) <= 2
        assert any("is too large, and is split" in line["message"] for line in ingester.lines)
        await until_state(client, sim.host, "streaming")


async def test_a_frame_is_split_between_its_events(redis_server: RedisServer, client: Redis, tmp_path: Path) -> None:
    async with (
        Capped(redis_server.port, most=1_500_000) as capped,
        RelaySim(paused=True) as sim,
        Ingester(tmp_path, capped.url, sim.url),
    ):
        await sim.connected()
        seqs = sim.fault("odd", what="largest", count=3)["seqs"]
        await until_cursor(client, sim.host, seqs[-1], within=120)
        assert await stored_events(client) == expected_events(sim.journal)
        assert [event["seq"] for event in await events(client)] == [seq for seq in seqs for _ in range(5)]
        assert (await health(client, sim.host))["part"] == ""
        assert await letters(client) == []


@pytest.mark.parametrize("allowed", [1, 2, 3, 4])
async def test_a_kill_between_two_parts_of_a_frame(
    redis_server: RedisServer, client: Redis, tmp_path: Path, allowed: int
) -> None:
    async with RelaySim(paused=True) as sim:
        async with Capped(redis_server.port, most=1_500_000, large=BIG) as capped:
            capped.allowed = allowed
            async with Ingester(tmp_path, capped.url, sim.url) as ingester:
                await sim.connected()
                (first,) = sim.fault("odd", what="null-prev")["seqs"]
                await until_cursor(client, sim.host, first)  # from here on Redis has cached the script
                seqs = sim.fault("odd", what="largest", count=2)["seqs"]
                await until(lambda: stored(client, at_least=1 + allowed))
                await ingester.kill()
        assert await client.get(f"{STREAM}:cursor:{sim.host}") == str(first).encode()
        assert (await health(client, sim.host))["part"]
        async with (
            Capped(redis_server.port, most=1_400_000) as capped,
            Ingester(tmp_path, capped.url, sim.url),
        ):
            await until_cursor(client, sim.host, seqs[-1], within=120)
            assert await stored_events(client) == expected_events(sim.journal)
            assert (await health(client, sim.host))["part"] == ""


async def stored(client: Redis, *, at_least: int) -> bool:
    return await client.xlen(STREAM) >= at_least


async def test_a_single_event_that_is_too_large_is_a_dead_letter(
    redis_server: RedisServer, client: Redis, tmp_path: Path
) -> None:
    async with (
        Capped(redis_server.port, most=40_000) as capped,
        RelaySim(paused=True) as sim,
        Ingester(tmp_path, capped.url, sim.url) as ingester,
    ):
        await sim.connected()
        (seq,) = sim.fault("odd", what="largest")["seqs"]
        (later,) = sim.fault("odd", what="null-prev")["seqs"]
        await until_cursor(client, sim.host, later, within=120)
        assert [event["seq"] for event in await events(client)] == [later]
        found = await letters(client)
        assert len(found) == 5
        for letter in found:
            assert letter["seq"] == str(seq).encode()
            assert letter["reason"].startswith(b"TooLarge: Redis does not take an event of ")
            assert b"max request size exceeded. Limit: 40000 bytes" in letter["reason"]
            assert letter["detail"].startswith(b"at://did:plc:")
            assert 0 < len(letter["payload"]) < 40_000
            assert letter["payload"].startswith(b'{"type":"create","seq":')
        fields = await health(client, sim.host)
        assert (fields["events"], fields["deadletters"]) == ("1", "5")
        assert "does not take an event of" in fields["lastError"]
        assert any(line.get("kind") == "TooLarge" for line in ingester.lines)
        await until_state(client, sim.host, "streaming")


async def test_a_page_of_a_listing_is_split(redis_server: RedisServer, client: Redis, tmp_path: Path) -> None:
    async with (
        RelaySim(accounts=700, rate=0, paused=True) as sim,
        Capped(redis_server.port, most=20_000) as capped,
        Ingester(tmp_path, capped.url, sim.url, INGESTER_MODE="backfill"),
    ):

        async def is_done() -> bool:
            return await client.get(f"repo_backfill:cursor:{sim.host}") == b"!ingester-done"

        await until(is_done)
        entries: Any = await client.xrange("repo_backfill")
        dids = [json.loads(fields[b"repo"])["did"] for _, fields in entries]
        assert len(dids) == len(set(dids)) == 700
        assert capped.refused


async def test_a_redis_that_refuses_every_request_is_reported(
    redis_server: RedisServer, client: Redis, tmp_path: Path
) -> None:
    await client.script_flush()  # now the script itself is too large
    async with (
        Capped(redis_server.port, most=4000) as capped,
        RelaySim(paused=True) as sim,
        Ingester(tmp_path, capped.url, sim.url) as ingester,
    ):
        await sim.connected()
        sim.fault("odd", what="null-prev")

        async def is_reported() -> bool:
            return any(line.get("kind") == "RedisRequestTooLarge" for line in ingester.lines)

        await until(is_reported)
        assert await client.xlen(STREAM) == 0


@pytest.mark.parametrize("left", [0, 1, 3])
@pytest.mark.parametrize("stream", [STREAM, f"{STREAM}:deadletter"])
async def test_a_stream_at_its_highest_id_stores_no_part_of_a_batch(
    redis_server: RedisServer, client: Redis, tmp_path: Path, stream: str, left: int
) -> None:
    seq = str(int(LAST) - left)
    await client.xadd(stream, {"event": "{}"}, id=f"{LAST}-{seq}")
    async with (
        RelaySim(paused=True) as sim,
        Ingester(tmp_path, redis_server.url, sim.url) as ingester,
    ):
        await sim.connected()
        seqs = sim.fault("odd", what="null-prev" if stream == STREAM else "too-big", count=5)["seqs"]
        await until_state(client, sim.host, "halted", "RedisRefused")
        message = (await health(client, sim.host))["message"]
        assert f"{stream} has used up the IDs of its entries" in message
        assert f"DEL {stream}" in message
        assert await client.xlen(stream) == 1
        assert await client.get(f"{STREAM}:cursor:{sim.host}") is None
        await client.delete(stream)
        await until_cursor(client, sim.host, seqs[-1])
        await asyncio.sleep(0)
        assert await client.xlen(stream) == 5
        assert ingester.process.returncode is None


@pytest.mark.parametrize("key", ["firehose_live", "firehose_live:deadletter", "firehose_live:cursor:HOST"])
async def test_a_key_of_another_type_is_named(
    redis_server: RedisServer, client: Redis, tmp_path: Path, key: str
) -> None:
    async with RelaySim(paused=True) as sim:
        key = key.replace("HOST", sim.host)
        await client.hset(key, "a", "b")  # type: ignore[misc]
        async with Ingester(tmp_path, redis_server.url, sim.url):
            if "cursor" not in key:
                await sim.connected()
                sim.fault("odd", what="null-prev")
            await until_state(client, sim.host, "halted", "RedisRefused")
            message = (await health(client, sim.host))["message"]
            assert "WRONGTYPE" in message
            assert "RENAME or DEL it" in message
            assert "cursor" in key or f"(XLEN {key})" in message
            await client.delete(key)
            await until_state(client, sim.host, "streaming")


async def test_a_flushed_script_is_sent_again(redis_server: RedisServer, client: Redis, tmp_path: Path) -> None:
    async with RelaySim(paused=True) as sim, Ingester(tmp_path, redis_server.url, sim.url):
        await sim.connected()
        for _ in range(3):
            await client.script_flush()
            (seq,) = sim.fault("odd", what="null-prev")["seqs"]
            await until_cursor(client, sim.host, seq)
        assert await client.xlen(STREAM) == 3
