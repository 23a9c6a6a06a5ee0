"""The operator's reads and writes in the Redis of a source: a protocol, and its implementation with real servers."""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from sluice_operator.api.cursor import CursorSpec
from sluice_operator.observed.facts.redis import SinkFacts
from sluice_operator.redis.cursor_writer import CursorError, delete_cursors, reset_cursor
from sluice_operator.redis.stream_reader import RedisReader
from sluice_redis.contract import StreamKeys

_NO_URL = "the Secret does not hold the URL of a Redis"


class SourceRedis(Protocol):
    """The Redis servers of all sources. Each call names one by its URL, and by its CAs in PEM form, if it needs any."""

    async def read(self, url: bytes, keys: StreamKeys, *, now: datetime, ca_bundle: str = "") -> SinkFacts:
        """What is stored at `keys`. A failure of Redis is returned as a fact, not raised."""

    def retry_now(self, url: bytes, *, ca_bundle: str = "") -> None:
        """Connect to that server at the next call, even if it was unreachable a moment ago."""

    async def reset_cursor(self, url: bytes, keys: StreamKeys, requested: CursorSpec, *, ca_bundle: str = "") -> str:
        """Set the cursor at `keys`, once for each nonce. Returns what went wrong, or an empty string."""

    async def delete_cursors(
        self, url: bytes, streams: Iterable[StreamKeys], *, ca_bundle: str = ""
    ) -> list[StreamKeys]:
        """Delete the cursors and the health hashes of `streams`, but no event. Returns the streams that had any of
        them.

        Raises CursorError.
        """


class RedisServers:
    """The real servers."""

    def __init__(self, reader: RedisReader) -> None:
        self._reader = reader

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

    async def delete_cursors(
        self, url: bytes, streams: Iterable[StreamKeys], *, ca_bundle: str = ""
    ) -> list[StreamKeys]:
        """Delete the cursors and the health hashes of `streams`. Raises CursorError."""
        client = self._reader.client(url, ca_bundle=ca_bundle)
        if client is None:
            raise CursorError(_NO_URL)
        return await delete_cursors(client, streams)
