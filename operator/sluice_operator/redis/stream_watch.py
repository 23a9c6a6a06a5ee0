"""Finds out which streams have changed in Redis, with few round trips for all streams of a server.

A reconcile reads everything about its streams. Between two reconciles only the health hashes are read again, and
compared with what was read before:

- After any change except of numbers, the source is reconciled at once.
- After a change of numbers alone, it is reconciled when its status may be written again.
- A heartbeat is no change. If heartbeats stop, that is one, and so is the first heartbeat after that.

What does not move is read less often: the lengths of streams, and everything of sources without a running ingester.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeAlias

from sluice_common.clock import Clock, SystemClock
from sluice_operator.kubernetes.source_key import SourceKey
from sluice_operator.redis.health_changes import Change
from sluice_redis.contract import StreamKeys

logger = logging.getLogger(__name__)

STREAMS_PER_ROUND_TRIP: Final = 200
STREAMS_PER_SECOND: Final = 20.0
"""Of how many streams the length and the consumer groups are read per second, at most."""
SHARED_WRITES_PER_SECOND: Final = 1.0
"""How many statuses are written per second in the long run, at most, because the length of a shared stream changes."""
_ROUND_SECONDS: Final = 1.0
"""How long a round waits for slow servers. They are asked again when they have answered."""

Server: TypeAlias = tuple[bytes, str]
"""The URL of a Redis, and the CAs to trust, in PEM form."""


class StreamPoller(Protocol):
    """Finds out what has changed in one Redis."""

    details_interval_seconds: float
    """The shortest time between two reads of the details of one stream."""

    async def poll(
        self, url: bytes, streams: Sequence[StreamKeys], *, ca_bundle: str = "", with_cursors: bool = False
    ) -> list[Change]:
        """Read the health hashes of `streams`, and their cursors if asked for. Returns how each has changed."""

    async def changed_streams(self, url: bytes, names: Sequence[str], *, ca_bundle: str = "") -> list[str]:
        """Read the lengths and the consumer groups of streams. Returns the names of those that have changed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WatchedStream:
    """A stream of a source, as its last reconcile has left it."""

    url: bytes = field(repr=False)
    ca_bundle: str = field(default="", repr=False)
    keys: StreamKeys
    is_running: bool
    """Whether a pod of it runs an ingester. Otherwise it is read less often."""
    numbers_due_at: float
    """When a change of numbers is worth a reconcile, on the monotonic clock."""


_AddAt: TypeAlias = Callable[[SourceKey, float], None]
"""Adds a source that is to be reconciled at that time, on the monotonic clock."""


@dataclass(kw_only=True, slots=True)
class _Server:
    url: bytes = field(repr=False)
    ca_bundle: str = field(repr=False)
    streams: dict[SourceKey, tuple[WatchedStream, ...]] = field(default_factory=dict)
    task: asyncio.Task[None] | None = None
    idle_read_at: float = float("-inf")
    lengths_due_at: float = float("-inf")


class StreamWatch:
    """Watches the streams of all sources."""

    def __init__(self, reader: StreamPoller, *, idle_seconds: float, clock: Clock | None = None) -> None:
        """`idle_seconds` is the interval for streams without a running ingester."""
        self._reader = reader
        self._idle_seconds = idle_seconds
        self._clock = clock or SystemClock()
        self._servers: dict[Server, _Server] = {}
        self._server_of: dict[SourceKey, Server] = {}

    def watch(self, key: SourceKey, streams: Sequence[WatchedStream]) -> None:
        """Watch `streams` for the source of that key, and no others. All of them are in one Redis."""
        server = (streams[0].url, streams[0].ca_bundle) if streams else None
        before = self._server_of.get(key)
        if before is not None and before != server:
            self._servers[before].streams.pop(key, None)
            del self._server_of[key]
        if server is not None:
            self._server_of[key] = server
            url, ca_bundle = server
            known = self._servers.setdefault(server, _Server(url=url, ca_bundle=ca_bundle))
            known.streams[key] = tuple(streams)

    async def poll(self, add: Callable[[SourceKey], None], add_after: Callable[[SourceKey, float], None]) -> None:
        """Read from each server once. `add` is called with each source to reconcile now, `add_after` with each that is
        to be reconciled in so many seconds.

        Servers are read side by side. One that answers slowly does not delay the others.
        """

        def add_at(key: SourceKey, due_at: float) -> None:
            now = self._clock.monotonic()
            if due_at <= now:
                add(key)
            else:
                add_after(key, due_at - now)

        for address, server in list(self._servers.items()):
            if not server.streams:
                del self._servers[address]
            elif server.task is None or server.task.done():
                server.task = asyncio.create_task(self._poll_safely(server, add_at))
        tasks = [server.task for server in self._servers.values() if server.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=_ROUND_SECONDS)

    async def close(self) -> None:
        """End all reads."""
        tasks = [server.task for server in self._servers.values() if server.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _poll_safely(self, server: _Server, add_at: _AddAt) -> None:
        """Read from one server. An unexpected error must not end the reads from others."""
        try:
            await self._poll_server(server, add_at)
        except Exception:
            logger.exception("A Redis could not be asked for changes, and is asked again")

    async def _poll_server(self, server: _Server, add_at: _AddAt) -> None:
        now = self._clock.monotonic()
        with_idle = now - server.idle_read_at >= self._idle_seconds
        if with_idle:
            server.idle_read_at = now
        watched = [(key, stream) for key, streams in server.streams.items() for stream in streams]
        running = [(key, stream) for key, stream in watched if stream.is_running]
        # Nobody reports a change of a cursor for which no ingester runs.
        idle = [(key, stream) for key, stream in watched if not stream.is_running] if with_idle else []
        for part, with_cursors in (*((one, False) for one in _parts(running)), *((one, True) for one in _parts(idle))):
            changes = await self._reader.poll(
                server.url, [stream.keys for _, stream in part], ca_bundle=server.ca_bundle, with_cursors=with_cursors
            )
            for (key, stream), change in zip(part, changes, strict=True):
                if change is not Change.NONE:
                    add_at(key, now if change is Change.STATE else stream.numbers_due_at)
        await self._poll_lengths(server, now, add_at)

    async def _poll_lengths(self, server: _Server, now: float, add_at: _AddAt) -> None:
        """Read the lengths and the consumer groups of all streams. Sources share streams."""
        if now < server.lengths_due_at:
            return
        by_name: dict[str, list[tuple[SourceKey, WatchedStream]]] = defaultdict(list)
        for key, streams in server.streams.items():
            for stream in streams:
                by_name[stream.keys.entries].append((key, stream))
        server.lengths_due_at = now + max(self._reader.details_interval_seconds, len(by_name) / STREAMS_PER_SECOND)
        for name in await self._reader.changed_streams(server.url, list(by_name), ca_bundle=server.ca_bundle):
            pause = max(0.0, len(by_name[name]) / SHARED_WRITES_PER_SECOND - self._idle_seconds)
            for key, stream in by_name[name]:
                add_at(key, stream.numbers_due_at + pause)


def _parts(items: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(items), STREAMS_PER_ROUND_TRIP):
        yield items[start : start + STREAMS_PER_ROUND_TRIP]
