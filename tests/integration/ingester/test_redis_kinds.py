"""Each event exactly once with TLS, Sentinel and Cluster, through failovers and moved slots."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from e2e.relaysim.sim import RelaySim
from sluice_redis.sink.connection import connect
from tests.integration.ingester.labeler_hosts import LabelerHost, LabelerHosts
from tests.integration.ingester.process import Ingester
from tests.integration.ingester.source_list import list_ingester, until_applied, write_list
from tests.integration.ingester.stored import expected_events, stored_events, until, until_cursor
from tests.integration.redis_kinds import SERVICE, Cluster, SentinelTrio, TlsServer, running
from tests.integration.redis_server import PATIENCE

pytestmark = pytest.mark.timeout(600)


async def test_tls_with_a_private_ca(tmp_path: Path) -> None:
    server = TlsServer(tmp_path)
    with running(server):
        async with RelaySim(rate=0, limit=200) as sim:
            async with Ingester(tmp_path, server.url, sim.url) as stranger:
                await until(lambda: _logs(stranger, "RedisUnavailable"))
                assert "CERTIFICATE_VERIFY_FAILED" in stranger.log
            async with (
                Ingester(tmp_path, server.url, sim.url, SSL_CERT_FILE=str(server.ca)),
                connect(server.url, ca_bundle=server.ca) as client,
            ):
                await until_cursor(client, sim.host, sim.options.first_seq + 199)
                assert await stored_events(client) == expected_events(sim.journal)


async def test_tls_with_a_certificate_of_the_client(tmp_path: Path) -> None:
    server = TlsServer(tmp_path, **{"tls-auth-clients": "yes"})
    with running(server):
        mutual = f"{server.url}?ssl_certfile={server.client_cert}&ssl_keyfile={server.client_key}"
        async with (
            RelaySim(rate=0, limit=200) as sim,
            Ingester(tmp_path, mutual, sim.url, INGESTER_CA_BUNDLE=str(server.ca)),
            connect(mutual, ca_bundle=server.ca) as client,
        ):
            await until_cursor(client, sim.host, sim.options.first_seq + 199)
            assert await stored_events(client) == expected_events(sim.journal)


async def test_a_sentinel_failover_loses_nothing(tmp_path: Path) -> None:
    """Events that the replica lacks are lost with their cursor, so the ingester reads them again."""
    trio = SentinelTrio(tmp_path)
    with running(trio):
        async with (
            RelaySim(rate=400, corpus=1000, window=200_000) as sim,
            Ingester(tmp_path, trio.url, sim.url, INGESTER_BATCH_SIZE="50"),
            connect(trio.url) as client,
        ):
            await until_cursor(client, sim.host, sim.options.first_seq + 500)
            trio.servers[0].kill()
            async with trio.servers[1].connect() as master:
                await until(lambda: _is_master(master), within=100)
                await until_cursor(master, sim.host, sim.repos.next_seq)
                sim.pause()
                await until_cursor(master, sim.host, sim.repos.next_seq - 1)
                assert await stored_events(master) == expected_events(sim.journal)


async def test_a_cluster_node_that_dies_and_restarts(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    with running(cluster):
        prefix = "{sluice}:"
        async with (
            RelaySim(rate=400, corpus=1000, window=200_000) as sim,
            Ingester(tmp_path, cluster.url, sim.url, INGESTER_BATCH_SIZE="50", INGESTER_KEY_PREFIX=prefix) as ingester,
        ):
            owner = cluster.owner(f"{prefix}firehose_live:cursor:{sim.host}")
            await until(lambda: _stored(owner.client, prefix, sim, 500))
            position = len(ingester.log)
            owner.kill()
            await until(lambda: _logs(ingester, '"kind": "Redis', after=position))
            owner.start()
            further = sim.repos.next_seq - sim.options.first_seq
            await until(lambda: _stored(owner.client, prefix, sim, further))
            sim.pause()
            await until(
                lambda: _stored(owner.client, prefix, sim, sim.repos.next_seq - 1 - sim.options.first_seq), within=60
            )
            async with owner.connect() as node:
                assert await stored_events(node, f"{prefix}firehose_live") == expected_events(sim.journal)
            assert {key.startswith(prefix) for each in cluster.nodes for key in each.client.scan_iter()} == {True}


async def test_a_manual_failover(tmp_path: Path) -> None:
    """The old master becomes a replica and keeps the connections of clients."""
    trio = SentinelTrio(tmp_path, down_after=60.0)  # no failover but the requested one
    with running(trio):
        async with (
            RelaySim(rate=400, corpus=1000, window=200_000) as sim,
            Ingester(tmp_path, trio.url, sim.url, INGESTER_MODE="firehose", INGESTER_BATCH_SIZE="50"),
            connect(trio.url) as client,
            Redis(port=trio.ports[0], socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE) as sentinel,
            trio.servers[1].connect() as heir,
        ):
            await until_cursor(client, sim.host, sim.options.first_seq + 500)
            await until(lambda: _accepts_failover(sentinel))
            await until(lambda: _is_master(heir))
            await until_cursor(heir, sim.host, sim.repos.next_seq + 500)
            sim.pause()
            await until_cursor(heir, sim.host, sim.repos.next_seq - 1)
            assert await stored_events(heir) == expected_events(sim.journal)


async def test_slots_that_move_to_another_node(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    with running(cluster):
        prefix = "{sluice}:"
        async with (
            RelaySim(rate=400, corpus=1000, window=200_000) as sim,
            Ingester(
                tmp_path,
                cluster.url,
                sim.url,
                INGESTER_MODE="firehose",
                INGESTER_BATCH_SIZE="50",
                INGESTER_KEY_PREFIX=prefix,
            ),
        ):
            old = cluster.owner(f"{prefix}firehose_live:cursor:{sim.host}")
            await until(lambda: _stored(old.client, prefix, sim, 500))
            new = await asyncio.to_thread(cluster.move, f"{prefix}firehose_live")
            further = sim.repos.next_seq + 500 - sim.options.first_seq
            await until(lambda: _stored(new.client, prefix, sim, further))
            sim.pause()
            await until(
                lambda: _stored(new.client, prefix, sim, sim.repos.next_seq - 1 - sim.options.first_seq), within=60
            )
            async with new.connect() as node:
                assert await stored_events(node, f"{prefix}firehose_live") == expected_events(sim.journal)


async def test_a_cluster_needs_a_hash_tag(tmp_path: Path) -> None:
    async with Ingester(
        tmp_path, "redis+cluster://127.0.0.1:1", "ws://127.0.0.1:1", INGESTER_KEY_PREFIX="p:"
    ) as ingester:
        async with asyncio.timeout(60):
            assert await ingester.process.wait() != 0
        assert "INGESTER_KEY_PREFIX='p:' is not valid for a Redis Cluster" in ingester.log


async def _logs(ingester: Ingester, words: str, *, after: int = 0) -> bool:
    return words in ingester.log[after:]


async def _accepts_failover(sentinel: Redis) -> bool:
    """Whether a Sentinel accepts a failover: as soon as it knows the state of the replica."""
    with contextlib.suppress(ResponseError):
        await sentinel.execute_command("SENTINEL", "FAILOVER", SERVICE)
        return True
    return False


async def _stored(client: Any, prefix: str, sim: RelaySim, count: int) -> bool:
    cursor = None
    with contextlib.suppress(ResponseError):  # CLUSTERDOWN, MOVED: a node needs a moment to know its slots
        cursor = client.get(f"{prefix}firehose_live:cursor:{sim.host}")
    return cursor is not None and int(cursor) >= sim.options.first_seq + count


async def _is_master(server: Redis) -> bool:
    return bool((await server.info("replication"))["role"] == "master")


async def test_a_source_list_in_a_cluster(tmp_path: Path) -> None:
    """The list's key is literal, and may be on another node than the keys of the sources."""
    cluster, prefix, key = Cluster(tmp_path), "{sluice}:", "elsewhere:list"
    with running(cluster):
        async with (
            LabelerHosts(5) as hosts,
            connect(cluster.url) as client,
            list_ingester(tmp_path, cluster.url, INGESTER_SOURCE_LIST=key, INGESTER_KEY_PREFIX=prefix) as ingester,
        ):
            assert cluster.owner(key) is not cluster.owner(f"{prefix}label_live")
            for version, number in (("1", 4), ("2", 5)):
                await write_list(
                    client, version, {str(at): one.entry() for at, one in enumerate(hosts.all[:number])}, key=key
                )
                await until_applied(client, version, key=key)
                await hosts.send(3)
            await until(lambda: _all_labels(client, f"{prefix}label_live", 30))
            for one in hosts.all:
                await until(lambda one=one: _beats(client, f"{prefix}label_live:health:{one.host}"))
            await client.set(f"{prefix}label_live:cursor:{hosts.all[0].host}", "2")
            await until(lambda: _reconnects(hosts.all[0], "2"))
            assert await ingester.terminate() == 0


async def _all_labels(client: Any, stream: str, number: int) -> bool:
    return bool(await client.xlen(stream) == number)


async def _beats(client: Any, key: str) -> bool:
    before = await client.hget(key, "beat")
    await asyncio.sleep(0.2)
    return before is not None and await client.hget(key, "beat") > before


async def _reconnects(host: LabelerHost, cursor: str) -> bool:
    return host.cursors[-1] == cursor
