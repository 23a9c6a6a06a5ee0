"""The operator's reads and writes in the Redis of a source: a protocol, and its implementation with real servers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from sluice_operator.api.cursor import CursorSpec
from sluice_operator.kubernetes.source_key import SourceKey
from sluice_operator.observed.facts.redis import SinkFacts, SinkReadFailure
from sluice_operator.redis.cursor_writer import CursorError, delete_cursors, reset_cursor
from sluice_operator.redis.source_lists import (
    SourceListState,
    delete_source_list,
    read_source_list,
    write_source_list,
)
from sluice_operator.redis.stream_reader import RedisReader
from sluice_operator.redis.stream_watch import StreamWatch, WatchedStream
from sluice_redis.contract import StreamKeys

_NO_URL = "the Secret does not hold the URL of a Redis"
_NO_SERVER = SinkFacts(failure=SinkReadFailure.URL_INVALID, failure_message=_NO_URL)


class SourceRedis(Protocol):
    """The Redis servers of all sources. Each call names one by its URL, and by its CAs in PEM form, if it needs any."""

    async def read(self, url: bytes, keys: StreamKeys, *, now: datetime, ca_bundle: str = "") -> SinkFacts:
        """What is stored at `keys`. A failure of Redis is returned as a fact, not raised."""

    def watch(self, key: SourceKey, streams: Sequence[WatchedStream]) -> None:
        """Watch `streams` for the source of that key, and no others. All of them are in one Redis."""

    async def poll(self, add: Callable[[SourceKey], None], add_after: Callable[[SourceKey, float], None]) -> None:
        """Find out which streams have changed since they were read. `add` is called with each source to reconcile now,
        `add_after` with each that is to be reconciled in so many seconds.
        """

    def retry_now(self, url: bytes, *, ca_bundle: str = "") -> None:
        """Connect to that server at the next call, even if it was unreachable a moment ago."""

    async def reset_cursor(self, url: bytes, keys: StreamKeys, requested: CursorSpec, *, ca_bundle: str = "") -> str:
        """Set the cursor at `keys`, once for each nonce. Returns what went wrong, or an empty string."""

    async def read_source_list(self, url: bytes, key: str, *, ca_bundle: str = "") -> SourceListState:
        """The source list at `key`. A failure of Redis is returned, not raised."""

    async def write_source_list(
        self, url: bytes, key: str, version: str, entries: Mapping[str, str], *, ca_bundle: str = ""
    ) -> SinkFacts | None:
        """Replace the source list at `key`. Returns what went wrong, if anything."""

    async def delete_source_list(self, url: bytes, key: str, *, ca_bundle: str = "") -> SinkFacts | None:
        """Delete the source list at `key`. Returns what went wrong, if anything."""

    async def delete_cursors(
        self, url: bytes, streams: Iterable[StreamKeys], *, ca_bundle: str = ""
    ) -> list[StreamKeys]:
        """Delete the cursors and the health hashes of `streams`, but no event. Returns the streams that had any of
        them.

        Raises CursorError.
        """


class RedisServers:
    """The real servers."""

    def __init__(self, reader: RedisReader, *, idle_seconds: float) -> None:
        """`idle_seconds` is the interval at which streams without a running ingester are read."""
        self._reader = reader
        self._watch = StreamWatch(reader, idle_seconds=idle_seconds)

    def watch(self, key: SourceKey, streams: Sequence[WatchedStream]) -> None:
        """Watch `streams` for the source of that key, and no others."""
        self._watch.watch(key, streams)

    async def poll(self, add: Callable[[SourceKey], None], add_after: Callable[[SourceKey, float], None]) -> None:
        """Find out which streams have changed since they were read."""
        await self._watch.poll(add, add_after)

    async def close(self) -> None:
        """End all reads, and close all connections."""
        await self._watch.close()
        await self._reader.close()

    async def read(self, url: bytes, keys: StreamKeys, *, now: datetime, ca_bundle: str = "") -> SinkFacts:
        """What is stored at `keys`."""
        return await self._reader.read(url, keys, now=now, ca_bundle=ca_bundle)

    def retry_now(self, url: bytes, *, ca_bundle: str = "") -> None:
        """Connect to that server at the next call."""
        self._reader.retry_now(url, ca_bundle=ca_bundle)

    async def reset_cursor(self, url: bytes, keys: StreamKeys, requested: CursorSpec, *, ca_bundle: str = "") -> str:
        """Set the cursor at `keys`, once for each nonce. Returns what went wrong, or an empty string."""
        client = self._reader.client(url, ca_bundle=ca_bundle)
        return _NO_URL if client is None else await reset_cursor(client, keys, requested)

    async def read_source_list(self, url: bytes, key: str, *, ca_bundle: str = "") -> SourceListState:
        """The source list at `key`."""
        client = self._reader.client(url, ca_bundle=ca_bundle)
        return SourceListState(failure=_NO_SERVER) if client is None else await read_source_list(client, key)

    async def write_source_list(
        self, url: bytes, key: str, version: str, entries: Mapping[str, str], *, ca_bundle: str = ""
    ) -> SinkFacts | None:
        """Replace the source list at `key`. Returns what went wrong, if anything."""
        client = self._reader.client(url, ca_bundle=ca_bundle)
        return _NO_SERVER if client is None else await write_source_list(client, key, version, entries)

    async def delete_source_list(self, url: bytes, key: str, *, ca_bundle: str = "") -> SinkFacts | None:
        """Delete the source list at `key`. Returns what went wrong, if anything."""
        client = self._reader.client(url, ca_bundle=ca_bundle)
        return _NO_SERVER if client is None else await delete_source_list(client, key)

    async def delete_cursors(
        self, url: bytes, streams: Iterable[StreamKeys], *, ca_bundle: str = ""
    ) -> list[StreamKeys]:
        """Delete the cursors and the health hashes of `streams`. Raises CursorError."""
        client = self._reader.client(url, ca_bundle=ca_bundle)
        if client is None:
            raise CursorError(_NO_URL)
        return await delete_cursors(client, streams)
