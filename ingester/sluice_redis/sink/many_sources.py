"""The interface to the Redis keys of many sources: one round trip for all. `RedisManySources` implements it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from sluice_redis.contract import StreamKeys
from sluice_redis.sink.call import RedisCalls
from sluice_redis.sink.errors import SinkError
from sluice_redis.sink.eviction_policy import EvictionPolicy
from sluice_redis.sink.redis_sink import WRITE_HEALTH, flat

_CHUNK: Final = 64
"""How many sources share a round trip: to pack their commands takes some milliseconds, in which nothing else runs."""


T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Position:
    """The stored cursor of a source, None if there is none, and the length of its stream if it was asked for."""

    cursor: bytes | None
    length: int | None = None


class ManySources(Protocol):
    """The keys of many sources in one Redis.

    The result of a source whose keys fail is a SinkError, and so are all results if Redis fails.
    """

    async def write_health(self, writes: Sequence[tuple[StreamKeys, Mapping[str, str]]]) -> list[SinkError | None]:
        """Write fields of health hashes, even if Redis is out of memory."""

    async def read_positions(self, keys: Sequence[tuple[StreamKeys, bool]]) -> list[Position | SinkError]:
        """The cursors of sources. The second part of an item says whether the length of the stream is wanted."""

    async def check_eviction_policy(self, keys: StreamKeys) -> None:
        """SinkError if the Redis that has `keys` may evict keys, or fails."""


class RedisManySources:
    """The keys of many sources in Redis. See `ManySources`."""

    def __init__(self, calls: RedisCalls, eviction_policy: EvictionPolicy) -> None:
        self._calls = calls
        self._eviction_policy = eviction_policy

    async def write_health(self, writes: Sequence[tuple[StreamKeys, Mapping[str, str]]]) -> list[SinkError | None]:
        """Write fields of health hashes, even if Redis is out of memory."""
        return await _in_chunks(writes, self._write_health)

    async def read_positions(self, keys: Sequence[tuple[StreamKeys, bool]]) -> list[Position | SinkError]:
        """The cursors of sources. The second part of an item says whether the length of the stream is wanted.

        With GET for each, and not MGET: MGET fails as a whole if the user lacks the right for one key, and a cluster
        does not take it for keys of several slots.
        """
        return await _in_chunks(keys, self._read_positions)

    async def check_eviction_policy(self, keys: StreamKeys) -> None:
        """SinkError if the Redis that has `keys` may evict keys, or fails."""
        await self._eviction_policy.check(keys.cursor)

    async def _write_health(self, writes: Sequence[tuple[StreamKeys, Mapping[str, str]]]) -> list[SinkError | None]:
        answers = await self._calls.run_all(WRITE_HEALTH, [(keys.health, flat(fields)) for keys, fields in writes])
        return [answer if isinstance(answer, SinkError) else None for answer in answers]

    async def _read_positions(self, keys: Sequence[tuple[StreamKeys, bool]]) -> list[Position | SinkError]:
        streams = sorted({one.entries for one, wants_length in keys if wants_length})
        cursors = [("GET", one.cursor) for one, _ in keys]
        answers = await self._calls.execute_all([*cursors, *(("XLEN", stream) for stream in streams)])
        lengths = dict(zip(streams, answers[len(keys) :], strict=True))
        return [
            _position(cursor, lengths[one.entries] if wants_length else None)
            for (one, wants_length), cursor in zip(keys, answers[: len(keys)], strict=True)
        ]


async def _in_chunks(
    items: Sequence[T], call: Callable[[Sequence[T]], Awaitable[list[R | SinkError]]]
) -> list[R | SinkError]:
    """The results of `call` for all items. After a call that fails as a whole no further one is made."""
    results: list[R | SinkError] = []
    while len(results) < len(items):
        try:
            results += await call(items[len(results) : len(results) + _CHUNK])
        except SinkError as error:
            return results + [error] * (len(items) - len(results))
    return results


def _position(cursor: bytes | SinkError | None, length: int | SinkError | None) -> Position | SinkError:
    if isinstance(cursor, SinkError):
        return cursor
    return Position(cursor, length if isinstance(length, int) else None)
