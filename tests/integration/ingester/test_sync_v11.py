"""Every message of Sync v1.1 and of earlier versions, from a real WebSocket into a real Redis."""

import json
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from e2e.relaysim import oddities
from e2e.relaysim.sim import RelaySim
from tests.integration.ingester.process import Ingester
from tests.integration.ingester.stored import events, until_cursor
from tests.integration.redis_server import RedisServer

MEMORY = 128 * 2**20
"""Bytes: the default limit of an ingester's pod."""

TYPES = {
    "handle": ["identity"],
    "tombstone": ["account"],
    "null-blobs": ["create"],
    "null-prev": ["create"],
    "unknown-fields": ["create"],
    "large": ["create"],
    "largest": ["create"] * 5,
    "other-collection": ["create"],
}
"""The types of the events that each unusual message leads to. Others lead to no event."""


async def test_each_unusual_message_moves_the_cursor(redis_server: RedisServer, client: Redis, tmp_path: Path) -> None:
    async with RelaySim(paused=True) as sim, Ingester(tmp_path, redis_server.url, sim.url, INGESTER_MODE="firehose"):
        await sim.connected()
        seqs = {what: sim.fault("odd", what=what)["seqs"][0] for what in oddities.WHAT}
        await until_cursor(client, sim.host, max(seqs.values()))
        found: dict[int, list[str]] = {}
        for event in await events(client):
            found.setdefault(event["seq"], []).append(event["type"])
        assert {what: found.get(seq, []) for what, seq in seqs.items()} == {
            what: TYPES.get(what, []) for what in oddities.WHAT
        }
        (letter,) = await dead_letters(client)
        assert (int(letter[b"seq"]), letter[b"reason"].split(b":")[0]) == (seqs["too-big"], b"BlockMissing")


@pytest.mark.timeout(600)
async def test_frames_of_five_megabytes_fit_into_the_memory_limit(
    redis_server: RedisServer, client: Redis, tmp_path: Path
) -> None:
    async with (
        RelaySim(paused=True, window=100) as sim,
        Ingester(tmp_path, redis_server.url, sim.url, INGESTER_MODE="firehose") as ingester,
    ):
        await sim.connected()
        seqs = sim.fault("odd", what="largest", count=30)["seqs"]
        await until_cursor(client, sim.host, seqs[-1], within=300)
        assert await client.xlen("firehose_live") == 30 * 5
        assert peak(ingester) < MEMORY


async def test_a_sync_message_queues_a_backfill(redis_server: RedisServer, client: Redis, tmp_path: Path) -> None:
    async with (
        RelaySim(rate=0, limit=2000) as sim,
        Ingester(
            tmp_path, redis_server.url, sim.url, INGESTER_MODE="firehose", INGESTER_RESYNC_TO_BACKFILL="true"
        ) as ingester,
    ):
        await until_cursor(client, sim.host, sim.options.first_seq + 1000)
        await ingester.kill()
        await ingester.start()
        await until_cursor(client, sim.host, sim.options.first_seq + 1999)
        syncs = [note.facts for note in sim.journal if note.kind == "#sync"]
        assert syncs
        entries: Any = await client.xrange("repo_backfill")
        assert [json.loads(fields[b"repo"]) for _, fields in entries] == [
            {"did": event["did"], "host": f"http://{sim.host}", "rev": event["rev"], "status": None, "active": True}
            for event in syncs
        ]
        assert [event["did"] for event in await events(client) if event["type"] == "sync"] == [
            event["did"] for event in syncs
        ]


@pytest.mark.parametrize("more", [{}, {"INGESTER_DEDUPLICATE_SECONDS": "3600"}], ids=["alone", "deduplicated"])
async def test_sync_events_are_stored_only_if_configured(
    redis_server: RedisServer, client: Redis, tmp_path: Path, more: dict[str, str]
) -> None:
    """Consumers of the Rust ingester can't parse them. The cursor moves, and the repo is queued for the backfill."""
    settings = {"INGESTER_SYNC_EVENTS": "omit", "INGESTER_RESYNC_TO_BACKFILL": "true", **more}
    async with RelaySim(rate=0, limit=1000) as sim, Ingester(tmp_path, redis_server.url, sim.url, **settings):
        await until_cursor(client, sim.host, sim.options.first_seq + 999)
        syncs = [note.facts["did"] for note in sim.journal if note.kind == "#sync"]
        assert syncs
        types = {event["type"] for event in await events(client)}
        assert types == {"create", "update", "delete", "account", "identity"}
        entries: Any = await client.xrange("repo_backfill")
        assert [json.loads(fields[b"repo"])["did"] for _, fields in entries] == syncs


def peak(ingester: Ingester) -> int:
    """The peak of the process' resident memory, in bytes."""
    status = Path(f"/proc/{ingester.process.pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


async def dead_letters(client: Redis) -> list[dict[bytes, bytes]]:
    entries: Any = await client.xrange("firehose_live:deadletter")
    return [fields for _, fields in entries]
