"""Runs the contract tests of `SourceRedis` with a real server."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from sluice_operator.redis.source_redis import RedisServers
from sluice_operator.redis.stream_reader import RedisReader
from tests.fakes.redis_contract import SourceRedisContract, Subject
from tests.integration.ports import free_port
from tests.integration.redis_server import RedisServer


class Data:
    """Reads and writes the data of a real server."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def get(self, key: str) -> str | None:
        value: str | None = self._client.get(key)
        return value

    def set(self, key: str, value: str) -> None:
        self._client.set(key, value)

    def hget(self, key: str, name: str) -> str | None:
        value: str | None = self._client.hget(key, name)
        return value

    def hset(self, key: str, fields: Mapping[str, str]) -> None:
        self._client.hset(key, mapping=dict(fields))

    def xadd(self, key: str) -> None:
        self._client.xadd(key, {"event": "{}"})

    def keys(self) -> list[str]:
        return sorted(self._client.keys())


class TestRedisServers(SourceRedisContract):
    """RedisServers with a real server."""

    @pytest.fixture
    async def subject(self, redis_server: RedisServer) -> AsyncIterator[Subject]:
        reader = RedisReader(details_interval_seconds=0.5)
        unreachable = f"redis://127.0.0.1:{free_port()}".encode()
        data = Data(redis_server.client)
        redis = RedisServers(reader, idle_seconds=30)
        yield Subject(redis=redis, url=redis_server.url.encode(), data=data, unreachable_url=unreachable)
        await redis.close()
