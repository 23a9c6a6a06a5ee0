"""The interface to the Redis keys of one source. `RedisSink` implements it."""

from collections.abc import Mapping
from typing import Protocol

from sluice_redis.contract import StreamKeys
from sluice_redis.sink.request import AppendRequest, Fenced, Full, Stored


class Sink(Protocol):
    """One source's keys in Redis. Every method raises SinkError, and nothing else, if Redis fails."""

    @property
    def keys(self) -> StreamKeys:
        """The keys."""

    async def append(self, request: AppendRequest) -> Stored | Full | Fenced:
        """Store a batch and its cursor, or nothing of it.

        After a SinkError it is unknown whether it was stored: call again with the same `request`.
        """

    async def check_eviction_policy(self) -> None:
        """SinkError if this Redis may evict keys."""

    async def rename_former_keys(self) -> list[str]:
        """Rename cursor and health hash from keys of older versions. Returns the former keys of the cursors."""

    async def read_cursor(self) -> bytes | None:
        """The stored cursor, None if there is none."""

    async def read_health(self, *fields: str) -> list[str]:
        """Those fields of the health hash, empty where they are missing."""

    async def reset_cursor(
        self, *, expected_cursor: bytes | None, cursor: str, health_fields: Mapping[str, str]
    ) -> Fenced | None:
        """Replace the expected cursor by `cursor`, and write fields of the health hash, in one step.

        Fenced, and nothing is changed, if another cursor is stored.
        """

    async def stream_length(self) -> int:
        """How many entries the stream has."""

    async def write_health(self, fields: Mapping[str, str]) -> None:
        """Write fields of the health hash, even if Redis is out of memory."""
