"""The keys of many sources in memory. It uses one FakeSink for each, and so fails where that fails."""

from collections.abc import Mapping, Sequence

from sluice_redis.contract import StreamKeys
from sluice_redis.sink.errors import SinkError
from sluice_redis.sink.many_sources import Position
from tests.fakes.redis_sink import FakeSink


class FakeManySources:
    """`sinks` are the sources; others are added when they are used.

    `failure` fails every call for all sources while it is set. `rounds` counts the calls.
    """

    def __init__(self, *sinks: FakeSink) -> None:
        self.sinks = list(sinks)
        self.failure: SinkError | None = None
        self.rounds = 0

    async def write_health(self, writes: Sequence[tuple[StreamKeys, Mapping[str, str]]]) -> list[SinkError | None]:
        self.rounds += 1
        results: list[SinkError | None] = []
        if self.failure is not None:
            return [self.failure] * len(writes)
        for keys, fields in writes:
            try:
                await self._sink(keys).write_health(fields)
                results.append(None)
            except SinkError as error:
                results.append(error)
        return results

    async def read_positions(self, keys: Sequence[tuple[StreamKeys, bool]]) -> list[Position | SinkError]:
        self.rounds += 1
        results: list[Position | SinkError] = []
        if self.failure is not None:
            return [self.failure] * len(keys)
        for one, wants_length in keys:
            sink = self._sink(one)
            try:
                cursor = await sink.read_cursor()
                results.append(Position(cursor, await sink.stream_length() if wants_length else None))
            except SinkError as error:
                results.append(error)
        return results

    async def check_eviction_policy(self, keys: StreamKeys) -> None:
        self.rounds += 1
        if self.failure is not None:
            raise self.failure
        await self._sink(keys).check_eviction_policy()

    def _sink(self, keys: StreamKeys) -> FakeSink:
        found = next((sink for sink in self.sinks if sink.keys == keys), None)
        if found is None:
            found = FakeSink(keys=keys)
            self.sinks.append(found)
        return found
