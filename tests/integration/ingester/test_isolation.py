"""One sick source does not hurt the others of its process: not their delay, and not its memory."""

import asyncio
import contextlib
import time
from pathlib import Path

import pytest
from redis.asyncio import Redis

from bench.processes import memory
from tests.integration.ingester.labeler_hosts import LabelerHosts, stored_seqs
from tests.integration.ingester.labels import health
from tests.integration.ingester.sick_sources import FRAME_BYTES, KINDS, sick_source
from tests.integration.ingester.source_list import list_ingester, until_applied, write_list
from tests.integration.ingester.stored import until
from tests.integration.redis_server import RedisServer

MIB = 2**20


@pytest.mark.parametrize("kind", KINDS)
async def test_labels_of_healthy_sources_are_stored_in_time(
    redis_server: RedisServer, client: Redis, tmp_path: Path, kind: str
) -> None:
    """Each label within two seconds on a busy machine: its batch alone takes 50 ms."""
    async with (
        LabelerHosts(10) as hosts,
        sick_source(kind, client) as sick,
        list_ingester(tmp_path, redis_server.url) as ingester,
    ):
        entries = {str(number): one.entry() for number, one in enumerate([*hosts.all, sick])}
        await write_list(client, "1", entries)
        await until_applied(client, "1")
        await hosts.connected()
        await until(lambda: _is_sick(client, kind, sick.host, sick.cursors))
        keeping_short = asyncio.create_task(_keep_short(client))
        delays = []
        for one in hosts.all * 2:
            began = time.monotonic()
            await one.send()
            await until(lambda one=one: _has_stored(client, one.host, one.seq))
            delays.append(time.monotonic() - began)
        keeping_short.cancel()
        assert max(delays) < 2.0
        for one in hosts.all:
            assert (len(one.cursors), (await health(client, one.host))["errors"]) == (1, "0")
        assert (await ingester.get("/readyz"))[0] == (await ingester.get("/healthz"))[0] == 200


async def _is_sick(client: Redis, kind: str, host: str, cursors: list[str | None]) -> bool:
    if kind in {"floods", "large frames"}:
        return bool(await client.xlen("label_live"))
    if kind == "half a frame":
        return bool(cursors)
    if kind == "silent handshake":
        return (await health(client, host)).get("state") == "connecting"
    if kind == "wrong keys":
        return True  # it can't even report
    return (await health(client, host)).get("state") in {"waiting", "halted"}


async def _has_stored(client: Redis, host: str, number: int) -> bool:
    """Whether so many messages of a source are stored. The health hash counts them, also when the stream is trimmed."""
    return int((await health(client, host)).get("events", "0")) >= number


async def _keep_short(client: Redis) -> None:
    """Remove entries, as a consumer does."""
    while True:
        await client.xtrim("label_live", maxlen=50)
        await asyncio.sleep(0.05)


async def test_the_memory_of_a_process_is_bounded_whatever_its_sources_send(
    redis_server: RedisServer, client: Redis, tmp_path: Path
) -> None:
    """40 sources send half a frame of 5 MB each, and wait. Together that is 100 MB, and the frames are 200 MB."""
    async with (
        contextlib.AsyncExitStack() as stack,
        LabelerHosts(5) as hosts,
        list_ingester(tmp_path, redis_server.url) as ingester,
    ):
        await write_list(client, "0", {str(number): one.entry() for number, one in enumerate(hosts.all)})
        await until_applied(client, "0")
        await hosts.connected()
        before = memory(ingester.process.pid)["VmRSS"] / 1024
        sick = [await stack.enter_async_context(sick_source("half a frame", client)) for _ in range(40)]
        await write_list(client, "1", {str(number): one.entry() for number, one in enumerate([*hosts.all, *sick])})
        await until_applied(client, "1")

        async def are_connected() -> bool:
            return all(one.cursors for one in sick)

        await until(are_connected)
        for _ in range(20):
            await hosts.send()
            await until(lambda: _all_stored(client, hosts))
        peak = memory(ingester.process.pid)["VmHWM"] / 1024
        assert peak - before < 45  # of these 16 are the budget, the rest 40 shares, connections and reads
        assert {len(one.cursors) for one in hosts.all} == {1}


async def _all_stored(client: Redis, hosts: LabelerHosts) -> bool:
    found = await stored_seqs(client)
    return all(found.get(one.host) == list(range(1, one.seq + 1)) for one in hosts.all)


async def test_large_frames_of_many_sources_are_read_one_after_the_other(
    redis_server: RedisServer, client: Redis, tmp_path: Path
) -> None:
    """Twenty sources send 5 MB frames at the same time. Each is stored, in bounded memory."""
    async with contextlib.AsyncExitStack() as stack, list_ingester(tmp_path, redis_server.url) as ingester:
        await write_list(client, "0", {})
        await until_applied(client, "0")
        before = memory(ingester.process.pid)["VmRSS"] / 1024
        large = [await stack.enter_async_context(sick_source("large frames", client)) for _ in range(20)]
        keeping_short = asyncio.create_task(_keep_short(client))
        await write_list(client, "1", {str(number): one.entry() for number, one in enumerate(large)})
        for one in large:
            await until(lambda one=one: _has_stored(client, one.host, 2))
        keeping_short.cancel()
        peak = memory(ingester.process.pid)["VmHWM"] / 1024
        assert peak - before < 20 * FRAME_BYTES / MIB
