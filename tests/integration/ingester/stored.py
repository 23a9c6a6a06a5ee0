"""Reads the events stored in Redis, and the events that a simulator should have produced there."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisGone

from e2e.relaysim import damage
from e2e.relaysim.journal import JournalEntry

BriefEvent = tuple[int, str, str]
"""seq, type, and the path of a record."""


def expected_events(notes: Iterable[JournalEntry]) -> list[BriefEvent]:
    """The events of the frames that the source sent, without those that it damaged."""
    return [event for note in notes for event in _brief_events(note)]


def _brief_events(note: JournalEntry) -> list[BriefEvent]:
    if note.kind != "#commit":
        return [(note.seq, note.kind[1:], "")]
    lost = note.facts.get("lost", None)
    if note.facts.get("fault") in damage.HOW and lost is None:
        return []
    return [(note.seq, op["action"], op["path"]) for op in note.facts["ops"] if op["path"] not in (lost or ())]


async def stored_events(client: Redis, stream: str = "firehose_live") -> list[BriefEvent]:
    """The events in the stream, in its order."""
    return [_brief(event) for event in await events(client, stream)]


async def consume_events(client: Redis, stream: str = "firehose_live") -> list[BriefEvent]:
    """The events in the stream. They are deleted, as a consumer does."""
    entries = await _entries(client, stream)
    if entries:
        await client.xdel(stream, *(name for name, _ in entries))
    return [_brief(event) for _, event in entries]


async def events(client: Redis, stream: str = "firehose_live") -> list[dict[str, Any]]:
    return [event for _, event in await _entries(client, stream)]


async def _entries(client: Redis, stream: str) -> list[tuple[bytes, dict[str, Any]]]:
    found: list[tuple[bytes, dict[str, Any]]] = []
    after: Any = b"-"
    while entries := cast("list[Any]", await client.xrange(stream, min=after, count=5000)):
        found += [(name, json.loads(fields[b"event"])) for name, fields in entries]
        after = b"(" + entries[-1][0]
    return found


def _brief(event: dict[str, Any]) -> BriefEvent:
    return event["seq"], event["type"], f"{event['collection']}/{event['rkey']}" if "rkey" in event else ""


async def health(client: Redis, host: str) -> dict[str, str]:
    fields: dict[Any, Any] = await client.hgetall(f"firehose_live:health:{host}")
    return {name.decode(): value.decode() for name, value in fields.items()}


async def until(condition: Callable[[], Awaitable[object]], *, within: float = 60.0) -> None:
    """Wait until `condition` holds. Raises TimeoutError. Redis may be down meanwhile."""
    async with asyncio.timeout(within):
        while True:
            with contextlib.suppress(RedisGone):
                if await condition():
                    return
            await asyncio.sleep(0.03)


async def until_state(client: Redis, host: str, state: str, reason: str = "", *, within: float = 60.0) -> None:
    async def holds() -> bool:
        found = await health(client, host)
        return (found.get("state"), found.get("reason")) == (state, reason)

    await until(holds, within=within)


async def until_cursor(client: Redis, host: str, seq: int, *, within: float = 60.0) -> None:
    """Wait until the stored cursor is `seq` or higher."""

    async def reached() -> bool:
        stored = await client.get(f"firehose_live:cursor:{host}")
        return stored is not None and int(stored) >= seq

    await until(reached, within=within)
