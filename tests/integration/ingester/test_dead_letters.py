"""Frames and records that can't be decoded become dead letters with a reason. No other event is lost."""

from pathlib import Path
from typing import Any, cast

from redis.asyncio import Redis

from e2e.relaysim import damage, oddities
from e2e.relaysim.sim import RelaySim
from tests.integration.ingester.process import Ingester
from tests.integration.ingester.stored import events, expected_events, health, stored_events, until, until_cursor
from tests.integration.redis_server import RedisServer


async def test_every_damaged_frame_becomes_a_dead_letter(
    redis_server: RedisServer, client: Redis, tmp_path: Path
) -> None:
    async with RelaySim(paused=True) as sim, Ingester(tmp_path, redis_server.url, sim.url) as ingester:
        await sim.connected()
        damaged = []
        for how in damage.HOW:
            await sim.emit(3)
            damaged += sim.fault("corrupt", how=how)["seqs"]
        last = (await sim.emit(3))[-1].seq
        await until_cursor(client, sim.host, last)
        assert await stored_events(client) == expected_events(sim.journal)
        letters: list[dict[bytes, bytes]] = [
            fields for _, fields in cast("list[Any]", await client.xrange("firehose_live:deadletter"))
        ]
        assert len(letters) == len(damaged)
        for letter, seq in zip(letters, damaged, strict=True):
            assert letter[b"host"].decode() == sim.host
            assert letter[b"seq"].decode() in {"", str(seq)}
            assert b": " in letter[b"reason"]
            assert len(letter[b"payload"]) <= 65536

        async def is_counted() -> bool:
            fields = await health(client, sim.host)
            return (fields["deadletters"], fields["errors"]) == (str(len(damaged)), str(len(damaged)))

        await until(is_counted)
        assert await ingester.shows("ingester_errors_total", len(damaged))
        assert sim.repos.readers  # none of them closed the connection
        assert (await health(client, sim.host))["reconnects"] == "0"


async def test_unusual_frames_do_not_end_the_connection(
    redis_server: RedisServer, client: Redis, tmp_path: Path
) -> None:
    async with RelaySim(paused=True) as sim, Ingester(tmp_path, redis_server.url, sim.url):
        await sim.connected()
        for what in oddities.WHAT:
            sim.fault("odd", what=what)
        last = (await sim.emit(1))[0].seq
        await until_cursor(client, sim.host, last)
        stored = {event["seq"] for event in await events(client)}
        odd = {note.facts["fault"]: note.seq in stored for note in sim.journal if "fault" in note.facts}
        assert odd == {what: what not in {"migrate", "unknown-type", "unknown-op", "too-big", "empty"} for what in odd}
        assert (await health(client, sim.host))["reconnects"] == "0"


async def test_the_collection_filter(redis_server: RedisServer, client: Redis, tmp_path: Path) -> None:
    async with (
        RelaySim(rate=0, limit=500) as sim,
        Ingester(tmp_path, redis_server.url, sim.url, INGESTER_COLLECTIONS="app.bsky.feed.like") as ingester,
    ):
        await until_cursor(client, sim.host, sim.options.first_seq + 499)
        everything = expected_events(sim.journal)
        wanted = [event for event in everything if not event[2] or event[2].startswith("app.bsky.feed.like/")]
        assert 0 < len(wanted) < len(everything)
        assert await stored_events(client) == wanted
        assert await ingester.shows("ingester_firehose_filtered_operations_total", len(everything) - len(wanted))


async def test_filtered_events_move_the_cursor(redis_server: RedisServer, client: Redis, tmp_path: Path) -> None:
    async with (
        RelaySim(paused=True) as sim,
        Ingester(tmp_path, redis_server.url, sim.url, INGESTER_COLLECTIONS="com.example.none"),
    ):
        await sim.connected()
        for _ in range(50):
            last = sim.fault("odd", what="other-collection")["seqs"][0]
        await until_cursor(client, sim.host, last)
        assert await client.xlen("firehose_live") == 0
