"""What stands in Redis, and what should."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, cast

from redis.asyncio import Redis

from e2e.relaysim.journal import Note

Told = tuple[int, str, str]
"""seq, type, and the path of a record."""


def should(notes: Iterable[Note]) -> list[Told]:
    """What the source said, event by event; without what it damaged."""
    return [told for note in notes for told in _told(note)]


def _told(note: Note) -> list[Told]:
    if note.kind != "#commit":
        return [(note.seq, note.kind[1:], "")]
    lost = note.facts.get("lost", None)
    if "fault" in note.facts and lost is None:
        return []
    return [(note.seq, op["action"], op["path"]) for op in note.facts["ops"] if op["path"] not in (lost or ())]


async def stands(client: Redis, stream: str = "firehose_live") -> list[Told]:
    """What is in the stream, entry by entry."""
    return [
        (event["seq"], event["type"], f"{event['collection']}/{event['rkey']}" if "rkey" in event else "")
        for event in await events(client, stream)
    ]


async def events(client: Redis, stream: str = "firehose_live") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    after: Any = b"-"
    while entries := cast("list[Any]", await client.xrange(stream, min=after, count=5000)):
        found += [json.loads(fields[b"event"]) for _, fields in entries]
        after = b"(" + entries[-1][0]
    return found


async def health(client: Redis, host: str) -> dict[str, str]:
    fields: dict[Any, Any] = await client.hgetall(f"firehose_live:health:{host}")
    return {name.decode(): value.decode() for name, value in fields.items()}


async def until(condition: Callable[[], Awaitable[object]], *, within: float = 20.0) -> None:
    """Wait until `condition` holds; TimeoutError if it doesn't come to hold."""
    async with asyncio.timeout(within):
        while not await condition():
            await asyncio.sleep(0.03)


async def until_state(client: Redis, host: str, state: str, reason: str = "", *, within: float = 20.0) -> None:
    async def holds() -> bool:
        found = await health(client, host)
        return (found.get("state"), found.get("reason")) == (state, reason)

    await until(holds, within=within)


async def until_cursor(client: Redis, host: str, seq: int, *, within: float = 30.0) -> None:
    """Wait until the frame `seq`, or a later one, is stored."""

    async def reached() -> bool:
        stored = await client.get(f"firehose_live:cursor:{host}")
        return stored is not None and int(stored) >= seq

    await until(reached, within=within)
