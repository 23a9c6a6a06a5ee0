"""Sources with wrong seqs or times: what is stored in Redis in the end, and what is reported."""

import asyncio
from itertools import pairwise
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from websockets.asyncio.server import ServerConnection

from tests.integration.ingester.process import Ingester
from tests.integration.ingester.scripted import Script, Scripted, keep_open, post, time
from tests.integration.ingester.stored import events, health, until, until_state
from tests.integration.redis_server import RedisServer
from tests.unit.wire.build import DID, frame

BASE = 32_000_000_000


def sends(*frames: bytes) -> Script:
    async def script(socket: ServerConnection, _cursor: str | None, number: int) -> None:
        for data in frames if number == 1 else ():
            await socket.send(data)
        await keep_open(socket)

    return script


async def seqs(client: Redis) -> list[int]:
    return [event["seq"] for event in await events(client)]


async def until_cursor(client: Redis, source: Scripted, seq: int) -> None:
    async def reached() -> bool:
        return await client.get(f"firehose_live:cursor:{source.host}") == b"%d" % seq

    await until(reached)


async def test_a_single_stray_seq_does_not_move_the_sequence(
    redis_server: RedisServer, client: Redis, tmp_path: Path
) -> None:
    """One seq is five million too high. After a kill the ingester requests the last regular seq."""
    first, rest = [BASE + 1, BASE + 2, BASE + 5_000_000], range(BASE + 3, BASE + 30)

    async def script(socket: ServerConnection, cursor: str | None, number: int) -> None:
        known = first if number == 1 else sorted([*first, *rest])
        for seq in known:
            if seq > int(cursor or 0):
                await socket.send(post(seq))
        await keep_open(socket)

    async with Scripted(script) as source, Ingester(tmp_path, redis_server.url, source.url) as ingester:
        await until(lambda: has(client, 3))
        await until_cursor(client, source, BASE + 2)  # the source was silent for a moment
        await ingester.kill()
        await ingester.start()
        await until_cursor(client, source, rest[-1])
        assert source.cursors == ["0", str(BASE + 2)]
        assert await seqs(client) == [*first, *rest]
        await until_state(client, source.host, "streaming")
        assert (await health(client, source.host)).get("lostReason") is None


async def has(client: Redis, count: int) -> bool:
    return await client.xlen("firehose_live") >= count


async def test_a_stray_seq_is_reported_and_counted(redis_server: RedisServer, client: Redis, tmp_path: Path) -> None:
    frames = [post(seq) for seq in (1, 2, 5_000_000, *range(3, 30))]
    async with Scripted(sends(*frames)) as source, Ingester(tmp_path, redis_server.url, source.url) as ingester:
        await until_cursor(client, source, 29)
        assert await ingester.shows(f'sluice_ingester_errors_total{{kind="StrayFrame",source="{source.host}"}}', 1)
        assert "seq 5000000 far above" in ingester.log


async def test_swapped_neighbours_and_two_events_under_one_seq(
    redis_server: RedisServer, client: Redis, tmp_path: Path
) -> None:
    order = (1, 3, 2, 4, 6, 5, 7)
    twin = post(7, did="did:plc:bbbbbbbbbbbbbbbbbbbbbbbb")
    async with (
        Scripted(sends(*map(post, order), twin, twin)) as source,
        Ingester(tmp_path, redis_server.url, source.url),
    ):
        await until(lambda: has(client, 8))
        await until_cursor(client, source, 7)
        assert [(event["did"], event["seq"]) for event in await events(client)] == [
            *((DID, seq) for seq in order),
            ("did:plc:bbbbbbbbbbbbbbbbbbbbbbbb", 7),
        ]


async def test_a_replay_with_other_times_is_recognised(
    redis_server: RedisServer, client: Redis, tmp_path: Path
) -> None:
    """After a kill the source repeats three hundred frames from before the cursor, some without events."""

    def message(seq: int) -> bytes:
        body: dict[str, Any] = {"seq": seq, "did": DID, "time": time(), "handle": f"h{seq}.test"}
        return frame("#identity", body if seq % 10 else body | {"did": "nobody"})

    async def script(socket: ServerConnection, _cursor: str | None, number: int) -> None:
        for seq in range(1, 401 if number == 1 else 601):
            if number == 1 or seq > 100:
                await socket.send(message(seq))
        await keep_open(socket)

    async with Scripted(script) as source, Ingester(tmp_path, redis_server.url, source.url) as ingester:
        await until_cursor(client, source, 400)
        await ingester.kill()
        await ingester.start()
        await until_cursor(client, source, 600)
        assert await seqs(client) == [seq for seq in range(1, 601) if seq % 10]
        assert await client.xlen("firehose_live:deadletter") == 60


async def test_seqs_that_can_not_be_cursors_do_not_move_the_cursor(
    redis_server: RedisServer, client: Redis, tmp_path: Path
) -> None:
    most = 2**53 - 1
    frames = [post(seq) for seq in (0, most - 1, most, most + 1, 2**63, 1_764_000_000_000_000_000)]
    negative = frame("#identity", {"seq": -1, "did": DID, "time": time()})
    async with (
        Scripted(sends(*frames, negative)) as source,
        Ingester(tmp_path, redis_server.url, source.url) as ingester,
    ):
        await until_cursor(client, source, most)
        assert await seqs(client) == [most - 1, most]
        letters: Any = await client.xrange("firehose_live:deadletter")
        assert [(fields[b"seq"], fields[b"reason"][:14]) for _, fields in letters] == [(b"", b"MessageInvalid")] * 5
        await ingester.kill()
        await ingester.start()
        await until(lambda: reconnected(source))
        await until_state(client, source.host, "streaming")
        assert source.cursors == ["0", str(most)]


async def reconnected(source: Scripted) -> bool:
    return len(source.cursors) > 1


async def test_a_late_time_moves_neither_lag_nor_event_time_and_is_no_loss(
    redis_server: RedisServer, client: Redis, tmp_path: Path
) -> None:
    go = asyncio.Event()

    async def script(socket: ServerConnection, _cursor: str | None, number: int) -> None:
        if number == 1:
            await socket.send(post(1))
            await go.wait()
            await socket.send(post(2, age=172_800))
            await until_cursor(client, source, 2)
            return
        await socket.send(post(20))
        await keep_open(socket)

    async with Scripted(script) as source, Ingester(tmp_path, redis_server.url, source.url) as ingester:
        await until_cursor(client, source, 1)
        before = (await health(client, source.host))["eventTime"]
        go.set()
        await until_cursor(client, source, 20)
        found = await health(client, source.host)
        assert (found["eventTime"] > before, found.get("lostReason")) == (True, None)
        assert await ingester.metric(f'sluice_ingester_lag_seconds{{source="{source.host}"}}') < 3600


async def test_a_live_start_without_a_cursor_reports_what_may_be_missing(
    redis_server: RedisServer, client: Redis, tmp_path: Path
) -> None:
    async def script(socket: ServerConnection, _cursor: str | None, number: int) -> None:
        if number == 1:
            await socket.ping()
            await asyncio.sleep(1)
            return
        await socket.send(post(7))
        await keep_open(socket)

    async with (
        Scripted(script) as source,
        Ingester(tmp_path, redis_server.url, source.url, INGESTER_START_FROM="live"),
    ):
        await until_cursor(client, source, 7)
        assert source.cursors == [None, None]
        found = await health(client, source.host)
        assert (found["lostReason"], found["lostFrom"], found["lostTo"]) == ("NoCursor", "", "6")
        assert found["lostFromTime"] <= found["lostToTime"]


async def test_a_source_that_breaks_each_connection_is_read_to_its_end(
    redis_server: RedisServer, client: Redis, tmp_path: Path
) -> None:
    """A stored event is progress: the delay before a reconnect is short, but never zero."""
    each, last = 200, 2000
    connected: list[float] = []
    frames = {seq: frame("#identity", {"seq": seq, "did": DID, "time": time()}) for seq in range(1, last + 1)}

    async def script(socket: ServerConnection, cursor: str | None, _number: int) -> None:
        connected.append(asyncio.get_running_loop().time())
        begin = int(cursor or 0) + 1
        for seq in range(begin, min(begin + each, last + 1)):
            await socket.send(frames[seq])

    async with (
        Scripted(script) as source,
        Ingester(tmp_path, redis_server.url, source.url, INGESTER_HIGH_WATER_MARK="1000000"),
    ):
        await until_cursor(client, source, last)
        pauses = [later - earlier for earlier, later in pairwise(connected)]
        assert len(pauses) >= last // each - 1
        assert min(pauses) >= 1.0
        assert await seqs(client) == list(range(1, last + 1))


async def test_a_cursor_of_an_older_version_is_used_unchanged(
    redis_server: RedisServer, client: Redis, tmp_path: Path
) -> None:
    async def script(socket: ServerConnection, cursor: str | None, _number: int) -> None:
        for seq in range(int(cursor or 0), int(cursor or 0) + 5):
            await socket.send(post(seq))
        await keep_open(socket)

    async with Scripted(script) as source:
        await client.set(f"firehose_live:cursor:{source.host}", BASE)
        await client.hset(f"firehose_live:health:{source.host}", mapping={"seq": str(BASE), "eventTime": time()})
        async with Ingester(tmp_path, redis_server.url, source.url):
            await until_cursor(client, source, BASE + 4)
            assert await seqs(client) == [BASE + more for more in range(1, 5)]
            stored = await health(client, source.host)
            assert stored["frames"].split(" ")[1:3] == [str(BASE + 4), str(BASE)]


async def test_a_source_that_ends_each_connection_after_two_frames(
    redis_server: RedisServer, client: Redis, tmp_path: Path
) -> None:
    """The source starts behind the cursor each time. The cursor must follow, or the same two frames come for ever."""

    async def script(socket: ServerConnection, cursor: str | None, _number: int) -> None:
        begin = max(int(cursor or 0), BASE)
        for seq in range(begin + 1, min(begin + 2, BASE + 6) + 1):
            await socket.send(post(seq))
        await socket.close(1012, "restart")

    async with Scripted(script) as source, Ingester(tmp_path, redis_server.url, source.url):
        await until_cursor(client, source, BASE + 6)
        assert await seqs(client) == [*range(BASE + 1, BASE + 7)]
