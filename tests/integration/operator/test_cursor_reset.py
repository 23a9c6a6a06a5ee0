"""The cursor reset of spec.cursor: once for each nonce, and a running ingester follows it."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from redis.asyncio import Redis

from e2e.relaysim.sim import RelaySim
from sluice_operator.api.cursor import CursorResetStatus, CursorSpec
from sluice_operator.redis.cursor_writer import is_reset_due, reset_cursor
from sluice_redis.contract import Stream, StreamKeys
from tests.integration.ingester.process import Ingester
from tests.integration.ingester.stored import expected_events, health, stored_events, until
from tests.integration.redis_kinds import wait
from tests.integration.redis_server import RedisServer

KEYS = StreamKeys(stream=Stream.FIREHOSE, host="relay.example:2470")


def wanted(position: str | int, nonce: str = "first") -> CursorSpec:
    return CursorSpec.model_validate({"position": position, "nonce": nonce})


@pytest.mark.parametrize(
    ("position", "value"), [("oldest", b"0"), ("live", b"!live"), (6_322_875_401, b"6322875401"), ("7", b"7")]
)
@pytest.mark.parametrize("before", [None, "99", "garbage"])
async def test_sets_the_cursor_and_records_it(
    client: Redis, position: str | int, value: bytes, before: str | None
) -> None:
    if before is not None:
        await client.set(KEYS.cursor, before)
    assert await reset_cursor(client, KEYS, wanted(position)) == ""
    assert await client.get(KEYS.cursor) == value
    found = await health(client, KEYS.host)
    assert (found["resetNonce"], found["resetFrom"], found["resetTo"]) == ("first", before or "", value.decode())


async def test_a_nonce_resets_the_cursor_once(client: Redis) -> None:
    await asyncio.gather(*(reset_cursor(client, KEYS, wanted(7)) for _ in range(5)))
    await client.set(KEYS.cursor, "12")  # the ingester has continued
    before = await health(client, KEYS.host)
    assert await reset_cursor(client, KEYS, wanted(7)) == ""  # as if the operator died before it wrote the status
    assert (await client.get(KEYS.cursor), await health(client, KEYS.host)) == (b"12", before)
    assert await reset_cursor(client, KEYS, wanted(7, "second")) == ""
    assert (await client.get(KEYS.cursor), (await health(client, KEYS.host))["resetFrom"]) == (b"7", "12")


async def test_a_return_to_an_earlier_nonce_resets_the_cursor_again(client: Redis) -> None:
    """Only the newest nonce is remembered, so the status agrees with the spec in the end: see docs/control.md."""
    first, second = wanted(7, "a"), wanted("live", "b")
    for request, value in ((first, b"7"), (second, b"!live"), (first, b"7")):
        assert await reset_cursor(client, KEYS, request) == ""
        assert await client.get(KEYS.cursor) == value
        done = CursorResetStatus(nonce=(await health(client, KEYS.host))["resetNonce"])
        assert [is_reset_due(one, done) for one in (first, second, None)] == [
            request is second,
            request is first,
            False,
        ]


async def test_a_redis_that_refuses_writes_is_no_reset(
    own_redis: Callable[..., RedisServer], redis_server: RedisServer
) -> None:
    replica = own_redis(replicaof=f"127.0.0.1 {redis_server.port}")
    wait(lambda: replica.client.info("replication")["master_link_status"] == "up")
    async with Redis.from_url(replica.url) as client:
        assert "read only" in await reset_cursor(client, KEYS, wanted("oldest"))
    replica.kill()
    async with Redis.from_url(replica.url) as client:
        assert await reset_cursor(client, KEYS, wanted("oldest"))


@pytest.mark.parametrize("user", ["+@all -set", "+@all -hset"])
async def test_a_reset_without_the_rights_writes_nothing(own_redis: Callable[..., RedisServer], user: str) -> None:
    server = own_redis()
    server.client.execute_command("ACL", "SETUSER", "op", "on", ">x", "~*", *user.split())
    async with Redis(port=server.port, username="op", password="x") as client:
        assert "may not call" in await reset_cursor(client, KEYS, wanted("oldest"))
    assert server.client.keys() == []


def test_a_nonce_in_the_status_counts_when_redis_has_lost_it() -> None:
    assert is_reset_due(wanted(7), None)
    assert is_reset_due(wanted(7), CursorResetStatus(nonce="zeroth"))
    assert not is_reset_due(wanted(7), CursorResetStatus(nonce="first"))
    assert not is_reset_due(None, None)


async def test_a_running_ingester_follows(redis_server: RedisServer, client: Redis, tmp_path: Path) -> None:
    """It follows to the oldest event, to a seq, and to live, without a restart. The stream has just those replays."""
    async with RelaySim(paused=True, prefill=100) as sim:
        keys = StreamKeys(stream=Stream.FIREHOSE, host=sim.host)
        first = sim.options.first_seq

        async def stored(seq: int) -> None:
            async def reached() -> bool:
                return await client.get(keys.cursor) == str(seq).encode()

            await until(reached, within=40)

        async with Ingester(tmp_path, redis_server.url, sim.url, INGESTER_MODE="firehose") as ingester:
            await stored(first + 99)
            everything = expected_events(sim.journal)
            await reset_cursor(client, keys, wanted("oldest", "1"))
            await stored(first + 99)
            assert await stored_events(client) == everything * 2
            await reset_cursor(client, keys, wanted(first + 49, "2"))
            await stored(first + 99)
            assert await stored_events(client) == everything * 2 + expected_events(sim.journal.between(first + 50))

            before = await stored_events(client)
            await ingester.kill()
            await sim.emit(50)
            await reset_cursor(client, keys, wanted("live", "3"))
            await ingester.start()
            await sim.connected()
            newest = (await sim.emit(10))[-1].seq
            await stored(newest)
            assert await stored_events(client) == before + expected_events(sim.journal.between(newest - 9))
            found = await health(client, sim.host)
            assert (found["resetNonce"], found["resetFrom"], found["resetTo"]) == ("3", str(first + 99), "!live")
            assert "lostFrom" not in found


async def test_a_halted_ingester_follows(redis_server: RedisServer, client: Redis, tmp_path: Path) -> None:
    async with RelaySim(paused=True, prefill=100) as sim:
        keys = StreamKeys(stream=Stream.FIREHOSE, host=sim.host)
        await client.set(keys.cursor, "9000000000000000")
        async with Ingester(tmp_path, redis_server.url, sim.url, INGESTER_MODE="firehose"):

            async def is_(state: str) -> bool:
                return (await health(client, sim.host)).get("state") == state

            await until(lambda: is_("halted"))
            await reset_cursor(client, keys, wanted("oldest"))
            await until(lambda: is_("streaming"))
            await sim.drained()

            async def all_there() -> bool:
                return await stored_events(client) == expected_events(sim.journal)

            await until(all_there)
