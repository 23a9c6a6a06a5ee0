"""The deletion of cursors in every kind of Redis: what is deleted, what stays, and the reported errors."""

from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import pytest

from sluice_operator.redis.cursor_writer import CursorError, delete_cursors
from sluice_operator.redis.stream_reader import RedisReader
from sluice_redis.client import RedisClient
from sluice_redis.contract import Stream, StreamKeys
from tests.integration.redis_kinds import Cluster, SentinelTrio, TlsServer, running, wait
from tests.integration.redis_server import RedisServer

MINE, EMPTY, OTHERS = (
    StreamKeys(stream=stream, host=host, prefix="{sluice}:")
    for stream, host in (
        (Stream.FIREHOSE, "relay.example"),
        (Stream.BACKFILL, "relay.example"),
        (Stream.FIREHOSE, "other.example"),
    )
)


@pytest.fixture
async def reader() -> AsyncIterator[RedisReader]:
    reader = RedisReader()
    yield reader
    await reader.close()


@pytest.mark.parametrize("kind", [TlsServer, partial(SentinelTrio, down_after=60), Cluster])
async def test_cursor_and_health_are_deleted_and_everything_else_stays(
    reader: RedisReader, kind: Callable[[Path], TlsServer | SentinelTrio | Cluster], tmp_path: Path
) -> None:
    server = kind(tmp_path)
    with running(server):
        authorities = server.ca.read_text() if isinstance(server, TlsServer) else ""
        client = reader.client(server.url.encode(), ca_bundle=authorities)
        assert client is not None
        for keys in (MINE, OTHERS):
            await client.set(keys.cursor, "7")
            await client.hset(keys.health, "state", "streaming")  # type: ignore[misc]
        for name in (MINE.entries, MINE.deadletter):
            await client.xadd(name, {"event": "{}"})
        assert await delete_cursors(client, [MINE, EMPTY]) == [MINE]
        assert [await existing_keys(client, keys) for keys in (MINE, OTHERS)] == [0, 2]
        assert await client.xlen(MINE.entries) == await client.xlen(MINE.deadletter) == 1
        assert await delete_cursors(client, [MINE, EMPTY]) == []


async def existing_keys(client: RedisClient, keys: StreamKeys) -> int:
    return sum([await client.exists(name) for name in (keys.cursor, keys.health)])


async def test_the_error_of_redis_is_reported(
    reader: RedisReader, own_redis: Callable[..., RedisServer], redis_server: RedisServer
) -> None:
    replica = own_redis(replicaof=f"127.0.0.1 {redis_server.port}")
    wait(lambda: replica.client.info("replication")["master_link_status"] == "up")
    client = reader.client(replica.url.encode())
    assert client is not None
    with pytest.raises(CursorError, match=r"Redis does not delete it: .*read only"):
        await delete_cursors(client, [MINE])
    replica.kill()
    with pytest.raises(CursorError, match=r"Redis does not delete it: .*connecting to"):
        await delete_cursors(client, [MINE])
