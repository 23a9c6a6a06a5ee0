"""Runs the contract tests of a Sink against the one for Redis."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from sluice_redis.contract import StreamKeys
from sluice_redis.sink.call import RedisCalls
from sluice_redis.sink.connection import connect
from sluice_redis.sink.protocol import Sink
from sluice_redis.sink.redis_sink import RedisSink
from tests.fakes.sink_contract import KEYS, MARK, SinkContract
from tests.integration.redis_server import RedisServer


class RedisStage:
    def __init__(self, ingester: Redis, client: Redis) -> None:
        self._ingester = ingester
        self._client = client

    def sink(self, keys: StreamKeys = KEYS) -> Sink:
        return RedisSink(RedisCalls(self._ingester), keys, high_water_mark=MARK)

    async def set(self, key: str, value: bytes | None) -> None:
        await (self._client.delete(key) if value is None else self._client.set(key, value))

    async def get(self, key: str) -> bytes | None:
        value: bytes | None = await self._client.get(key)
        return value

    async def hset(self, key: str, fields: dict[str, str]) -> None:
        await self._client.hset(key, mapping=fields)

    async def hgetall(self, key: str) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in (await self._client.hgetall(key)).items()}

    async def entries(self, key: str) -> list[dict[str, bytes]]:
        found = await self._client.xrange(key) or ()
        return [{name.decode(): value for name, value in fields.items()} for _, fields in found]


@pytest.fixture
async def stage(redis_server: RedisServer, client: Redis) -> AsyncIterator[RedisStage]:
    async with connect(redis_server.url) as redis:
        yield RedisStage(redis, client)


class TestRedisSink(SinkContract):
    """RedisSink with a real server."""
