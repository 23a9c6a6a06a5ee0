"""A process whose sources are listed in Redis: changes under a stream of events, kills, flushes, bad entries."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from tests.integration.ingester.labeler_hosts import LabelerHost, LabelerHosts, stored_seqs, until_stored
from tests.integration.ingester.labels import cursor, health
from tests.integration.ingester.source_list import LIST, list_ingester, until_applied, write_list
from tests.integration.ingester.stored import until
from tests.integration.redis_server import RedisServer

Entries = dict[str, dict[str, str]]


def entries_of(hosts: list[LabelerHost]) -> Entries:
    return {f"Labeler/test/{number}": one.entry() for number, one in enumerate(hosts)}


async def until_state(client: Redis, host: str, state: str, reason: str = "") -> None:
    async def holds() -> bool:
        found = await health(client, host)
        return (found.get("state"), found.get("reason")) == (state, reason)

    await until(holds)


class Stream:
    """Labels of all hosts, one after the other, as long as this is entered."""

    def __init__(self, hosts: list[LabelerHost]) -> None:
        self._hosts = hosts
        self._task: asyncio.Task[None]

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._send())

    async def __aexit__(self, *exc: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _send(self) -> None:
        while True:
            for one in self._hosts:
                await one.send()
                await asyncio.sleep(0.001)


@pytest.fixture
async def hosts() -> AsyncIterator[LabelerHosts]:
    async with LabelerHosts(51) as made:
        yield made


async def test_sources_come_go_and_change_under_a_stream_of_events(
    redis_server: RedisServer, client: Redis, tmp_path: Path, hosts: LabelerHosts
) -> None:
    """50 sources. One is added, one is removed, one is changed. The others keep their connections."""
    added, removed, changed = hosts.all[50], hosts.all[0], hosts.all[1]
    first = entries_of(hosts.all[:50])
    async with list_ingester(tmp_path, redis_server.url) as ingester:
        await write_list(client, "1", first)
        await until_applied(client, "1")
        async with Stream(hosts.all):
            await until_stored(client, hosts.all[:1])
            second = {name: entry for name, entry in first.items() if entry != removed.entry()}
            second["Labeler/test/1"] = changed.entry(INGESTER_BATCH_SIZE="3")
            second["Labeler/test/50"] = added.entry()
            await write_list(client, "2", second)
            await until_applied(client, "2")
            found = await health(client, removed.host)
            assert found["state"] == "stopped"
            seen = {one.host: one.seq for one in hosts.all}
            await until(lambda: _have_stored(client, hosts.all[1:], seen))
        await until_stored(client, hosts.all[1:])
        assert (await health(client, removed.host))["beat"] == found["beat"]
        kept = (await stored_seqs(client))[removed.host]
        assert kept == list(range(1, len(kept) + 1))
        assert len(kept) < removed.seq
        assert [len(one.cursors) for one in hosts.all] == [1, 2, *[1] * 49]
        assert (await ingester.get("/readyz"))[0] == 200
        assert (await ingester.get("/healthz"))[0] == 200
        _, text = await ingester.get("/metrics")
        assert f'source="{removed.host}"' not in text
        assert f'source="{added.host}"' in text
        assert await ingester.shows("ingester_websocket_connections", 50)
        assert await ingester.terminate() == 0
    states = {(await health(client, one.host))["state"] for one in hosts.all}
    assert states == {"stopped"}


async def _have_stored(client: Redis, hosts: list[LabelerHost], seqs: dict[str, int]) -> bool:
    found = await stored_seqs(client)
    return all(len(found.get(one.host, [])) >= seqs[one.host] for one in hosts)


async def test_no_event_is_later_while_the_list_changes(
    redis_server: RedisServer, client: Redis, tmp_path: Path, hosts: LabelerHosts
) -> None:
    """Labels of sources that stay are stored within a second, whatever starts and stops beside them."""
    staying, coming = hosts.all[:20], hosts.all[20:]
    async with list_ingester(tmp_path, redis_server.url):
        await write_list(client, "0", entries_of(staying))
        await until_applied(client, "0")
        await hosts.send()
        await until_stored(client, staying)
        slowest = 0.0
        for version in range(1, 7):
            wanted = entries_of(staying) | (
                {f"more/{number}": one.entry() for number, one in enumerate(coming)} if version % 2 else {}
            )
            await write_list(client, str(version), wanted)
            for _ in range(4):
                began = time.monotonic()
                await staying[version].send()
                await until_stored(client, [staying[version]])
                slowest = max(slowest, time.monotonic() - began)
            await until_applied(client, str(version))
        assert slowest < 2.0  # the machine may be busy
        assert {len(one.cursors) for one in staying} == {1}


async def test_a_kill_in_the_middle_of_a_change(
    redis_server: RedisServer, client: Redis, tmp_path: Path, hosts: LabelerHosts
) -> None:
    ingester = list_ingester(tmp_path, redis_server.url)
    async with Stream(hosts.all):
        for version in range(1, 5):
            await ingester.start()
            await write_list(client, f"{version}a", entries_of(hosts.all[: 40 + version]))
            await until_applied(client, f"{version}a")
            await write_list(client, f"{version}b", entries_of(hosts.all[version : 45 + version]))
            await asyncio.sleep(0.3 * version)
            await ingester.kill()
    await write_list(client, "last", entries_of(hosts.all))
    async with ingester:
        await until_applied(client, "last")
        await until_stored(client, hosts.all)


async def test_two_processes_with_one_list(
    redis_server: RedisServer, client: Redis, tmp_path: Path, hosts: LabelerHosts
) -> None:
    few = hosts.all[:8]
    async with (
        list_ingester(tmp_path, redis_server.url, pod="pod-1") as one,
        list_ingester(tmp_path, redis_server.url, pod="pod-2") as other,
    ):
        await write_list(client, "1", entries_of(few[:6]))
        async with Stream(few):
            await until(lambda: _both_show(one, other, 6))
            await write_list(client, "2", entries_of(few[1:]))
            await until(lambda: _both_show(one, other, 7))
            for source in few[1:]:
                seen = source.seq + 5
                await until(lambda source=source, seen=seen: _stores(client, source, seen))
        await until_stored(client, few[1:])


async def _both_show(one: object, other: object, number: int) -> bool:
    texts = [(await process.get("/readyz"))[1] for process in (one, other)]  # type: ignore[attr-defined]
    return all(len(text.splitlines()) == number + 1 for text in texts)


async def _stores(client: Redis, source: LabelerHost, seq: int) -> bool:
    return len((await stored_seqs(client)).get(source.host, [])) >= seq


async def test_it_waits_for_a_list_and_a_list_may_be_empty(
    redis_server: RedisServer, client: Redis, tmp_path: Path
) -> None:
    async with list_ingester(tmp_path, redis_server.url) as ingester:

        async def says_so() -> bool:
            status, text = await ingester.get("/readyz")
            assert status == 503
            return text == f"source list {LIST}: waiting for it; it does not exist, or has no version\n"

        await until(says_so)
        assert any("waiting for it" in line["message"] for line in ingester.lines)
        assert (await ingester.get("/healthz"))[0] == 200
        assert await client.exists(f"{LIST}:applied") == 0
        await write_list(client, "v 1", {})
        await until_applied(client, "v 1")
        assert await ingester.get("/readyz") == (200, f"source list {LIST}: version v 1 is applied\n")
        assert await ingester.terminate() == 0


async def test_a_flush_of_redis_keeps_what_runs(
    redis_server: RedisServer, client: Redis, tmp_path: Path, hosts: LabelerHosts
) -> None:
    few = hosts.all[:5]
    async with list_ingester(tmp_path, redis_server.url) as ingester:
        await write_list(client, "1", entries_of(few))
        await until_applied(client, "1")
        await hosts.send(3)
        await until_stored(client, few)
        await until(lambda: _have_cursors(client, few))
        await client.flushall()
        await hosts.send(3)
        await until_stored(client, few)  # the cursors are gone too: all are read once more

        async def says_so() -> bool:
            status, text = await ingester.get("/readyz")
            assert status == 200
            return text.startswith(f"source list {LIST}: version 1 is applied; it does not exist")

        await until(says_so)
        assert await client.exists(f"{LIST}:applied") == 0
        await write_list(client, "1", entries_of(few))
        await until_applied(client, "1")
        before = [len(one.cursors) for one in few]
        await hosts.send(3)
        await until_stored(client, few)
        assert [len(one.cursors) for one in few] == before


async def _have_cursors(client: Redis, hosts: list[LabelerHost]) -> bool:
    """The cursor of a new source moves when it falls silent."""
    return all([await cursor(client, one.host) == one.seq for one in hosts])


async def test_a_bad_entry_halts_alone(
    redis_server: RedisServer, client: Redis, tmp_path: Path, hosts: LabelerHosts
) -> None:
    good, bad = hosts.all[0], hosts.all[1]
    entries: dict[str, dict[str, str] | str] = {"good": good.entry(), "bad": bad.entry(INGESTER_BATCH_SIZE="many")}
    entries["worse"] = "nonsense"
    async with list_ingester(tmp_path, redis_server.url) as ingester:
        await write_list(client, "1", entries)
        await until_applied(client, "1")
        await hosts.send()
        await until_stored(client, [good])
        await until_state(client, bad.host, "halted", "InvalidSettings")
        found = await health(client, bad.host)
        assert "INGESTER_BATCH_SIZE='many' is not valid: give a whole number" in found["message"]
        assert found["pod"] == "pod-1"
        assert len([line for line in ingester.lines if "the entry worse is not valid" in line["message"]]) == 1
        assert (await ingester.get("/readyz"))[0] == 200
        entries["bad"] = bad.entry()
        await write_list(client, "2", entries)
        await until_applied(client, "2")
        await until_state(client, bad.host, "streaming")
        await until_stored(client, [good, bad])
        assert len(good.cursors) == 1


async def test_a_list_of_another_type_is_named_and_what_runs_continues(
    redis_server: RedisServer, client: Redis, tmp_path: Path, hosts: LabelerHosts
) -> None:
    few = hosts.all[:2]
    async with list_ingester(tmp_path, redis_server.url) as ingester:
        await write_list(client, "1", entries_of(few))
        await until_applied(client, "1")
        await client.set(LIST, "no hash")

        async def names_it() -> bool:
            return "WRONGTYPE" in (await ingester.get("/readyz"))[1]

        await until(names_it)
        await hosts.send()
        await until_stored(client, few)


async def test_each_entry_has_its_own_settings(
    redis_server: RedisServer, client: Redis, tmp_path: Path, hosts: LabelerHosts
) -> None:
    """Also retention: a stream is trimmed while any entry of it asks for that."""
    one, other = hosts.all[:2]
    await hosts.send(5)
    entries = {"one": one.entry(), "other": other.entry(INGESTER_START_FROM="4", INGESTER_TRIM_CONSUMED="true")}
    await client.xgroup_create("label_live", "group", id="0", mkstream=True)
    async with list_ingester(tmp_path, redis_server.url):
        await write_list(client, "1", entries)
        await until(lambda: _length(client, 7))
        assert sorted(map(len, (await stored_seqs(client)).values())) == [2, 5]
        await _consume(client)
        await until(lambda: _length(client, 0))
        await write_list(client, "2", {"one": entries["one"]})
        await until_applied(client, "2")
        await hosts.send(1)
        await until(lambda: _length(client, 1))
        await _consume(client)
        await asyncio.sleep(2.5)  # two calls of retention
        assert await client.xlen("label_live") == 1


async def _length(client: Redis, number: int) -> bool:
    return bool(await client.xlen("label_live") == number)


async def _consume(client: Redis) -> None:
    [(_, entries)] = await client.xreadgroup("group", "consumer", {"label_live": ">"}, count=100)
    await client.xack("label_live", "group", *(name for name, _ in entries))
