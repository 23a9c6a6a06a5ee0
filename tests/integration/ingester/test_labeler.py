"""A labeler's stream in Redis: every label unchanged, exactly once; a quiet labeler stays connected."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from redis.asyncio import Redis

from e2e.relaysim.sim import RelaySim
from sluice_ingester.sources.address import Address
from sluice_ingester.sources.failure import SourceError
from sluice_ingester.sources.subscription import Deadlines, Subscription
from sluice_wire.labels import NSID
from tests.integration.ingester.labels import LabelIndexer, State, apply, cursor, expected_labels, health, stored_labels
from tests.integration.ingester.process import Ingester
from tests.integration.ingester.stored import until
from tests.integration.redis_server import RedisServer

Make = Callable[..., Ingester]


@pytest.fixture
async def sim() -> AsyncIterator[RelaySim]:
    async with RelaySim(paused=True) as running:
        yield running


@pytest.fixture
def labeler(redis_server: RedisServer, tmp_path: Path, sim: RelaySim) -> Make:
    """An ingester of the labeler alone. `environment` adds variables."""

    def make(*, speed: float = 1.0, **environment: str) -> Ingester:
        names = {"INGESTER_MODE": "labeler", "INGESTER_LABELER_HOSTS": sim.url, **environment}
        return Ingester(tmp_path, redis_server.url, "", speed=speed, **names)

    return make


async def until_cursor(client: Redis, sim: RelaySim, seq: int, *, within: float = 60.0) -> None:
    async def reached() -> bool:
        return (await cursor(client, sim.host) or 0) >= seq

    await until(reached, within=within)


async def until_connected(sim: RelaySim) -> None:
    await sim.until(lambda: len(sim.labels.readers) > 0)


async def test_every_label_is_stored_unchanged(labeler: Make, client: Redis, sim: RelaySim) -> None:
    """With and without signature, negations, expiries; from the first label on, in the form of the Redis contract."""
    notes = await sim.labels.emit(400)
    async with labeler() as ingester:
        await until_cursor(client, sim, notes[-1].seq)
        found, wanted = await stored_labels(client), expected_labels(notes)
        assert found == wanted
        assert await ingester.shows("ingester_labeler_events_total", 400)
        labels = [label for _, entry in found for label in entry]
        assert len(labels) > 400
        assert await ingester.shows("ingester_labels_written_total", len(labels))
        assert await ingester.shows("ingester_stream_events_total", 400)
        assert await ingester.shows("ingester_firehose_events_total", 0)
        assert await ingester.shows(f'sluice_ingester_events_total{{kind="label",source="{sim.host}"}}', len(labels))
        assert await ingester.terminate() == 0
    assert {"neg", "exp", "sig"} <= {name for label in labels for name, value in label.items() if value is not None}
    assert any("sig" not in label for label in labels)
    assert any("ver" not in label for label in labels)
    assert (await health(client, sim.host))["state"] == "stopped"


async def test_the_stream_length_metric(labeler: Make, client: Redis, sim: RelaySim) -> None:
    for number in range(7):
        await client.xadd("label_live", {"labels": str(number)})
    async with labeler() as ingester:

        async def true() -> bool:
            return await ingester.metric("ingester_label_live_length") == 7

        await until(true)


async def test_exactly_once_across_kills(labeler: Make, client: Redis, sim: RelaySim) -> None:
    ingester = labeler(INGESTER_BATCH_SIZE="7", INGESTER_BATCH_TIMEOUT_MS="30")
    sim.labels.set_pace(rate=400, paused=False)
    for _ in range(4):
        before = await cursor(client, sim.host) or 0
        await ingester.start()
        await until_cursor(client, sim, before + 60)
        await ingester.kill()
    sim.labels.set_pace(paused=True)
    last = sim.labels.next_seq - 1
    async with ingester:
        await until_cursor(client, sim, last)
    found = await stored_labels(client)
    assert found == expected_labels(sim.labels.journal)
    assert [seq for seq, _ in found] == list(range(1, last + 1))


async def test_two_ingesters_at_once(labeler: Make, client: Redis, sim: RelaySim) -> None:
    sim.labels.set_pace(rate=300, limit=900, paused=False)
    async with labeler(), labeler():
        await until_cursor(client, sim, 900)
    assert await stored_labels(client) == expected_labels(sim.labels.journal)


async def test_the_connection_breaks(labeler: Make, client: Redis, sim: RelaySim) -> None:
    """After a break it continues behind the cursor, which is the seq in the frame's body."""
    async with labeler():
        for round_ in range(3):
            notes = await sim.labels.emit(20)
            await until_cursor(client, sim, notes[-1].seq)
            await sim.labels.emit(5)
            sim.fault("cut", how=("abort", "close", "abort")[round_], stream="labels")
            await until_cursor(client, sim, notes[-1].seq + 5)
    assert await stored_labels(client) == expected_labels(sim.labels.journal)


async def test_a_gap_in_the_seqs_is_no_loss(labeler: Make, client: Redis, sim: RelaySim) -> None:
    """A labeler numbers the rows of a table. A missing seq was never sent, even after a long pause."""
    ingester = labeler(INGESTER_ON_CURSOR_LOST="halt")
    async with ingester:
        notes = await sim.labels.emit(10)
        await until_cursor(client, sim, notes[-1].seq)
        assert await ingester.terminate() == 0
    await client.hset(f"label_live:health:{sim.host}", "eventTime", "2026-01-01T00:00:00.000Z")  # type: ignore[misc]
    sim.fault("gap", count=5000, stream="labels")
    later = await sim.labels.emit(10)
    async with ingester:
        await until_cursor(client, sim, later[-1].seq)
        found = await health(client, sim.host)
    assert await stored_labels(client) == expected_labels(sim.labels.journal)
    assert "lostFrom" not in found
    assert found["errors"] == "0"


@pytest.mark.parametrize(("start", "first"), [("oldest", 1), ("0", 1), ("21", 21), ("live", 41)])
async def test_the_start_position(labeler: Make, client: Redis, sim: RelaySim, start: str, first: int) -> None:
    await sim.labels.emit(40)
    async with labeler(INGESTER_START_FROM=start):
        await until_connected(sim)
        await sim.labels.emit(10)
        await until_cursor(client, sim, 50)
    assert [seq for seq, _ in await stored_labels(client)] == list(range(first, 51))


async def test_a_stored_cursor_wins(labeler: Make, client: Redis, sim: RelaySim) -> None:
    """The Rust ingester stores its cursor in the same key."""
    await client.set(f"label_live:cursor:{sim.host}", "30")
    await sim.labels.emit(40)
    async with labeler():
        await until_cursor(client, sim, 40)
    assert [seq for seq, _ in await stored_labels(client)] == list(range(31, 41))


async def test_a_cursor_in_the_future_halts(labeler: Make, client: Redis, sim: RelaySim) -> None:
    await client.set(f"label_live:cursor:{sim.host}", "9999")
    await sim.labels.emit(5)
    async with labeler():

        async def halted() -> bool:
            found = await health(client, sim.host)
            return (found.get("state"), found.get("reason")) == ("halted", "FutureCursor")

        await until(halted)
        assert f"label_live:cursor:{sim.host}" in (await health(client, sim.host))["message"]
        await client.set(f"label_live:cursor:{sim.host}", "2")
        await until_cursor(client, sim, 5)
    assert [seq for seq, _ in await stored_labels(client)] == [3, 4, 5]


async def test_a_quiet_labeler_stays_connected(labeler: Make, client: Redis, sim: RelaySim) -> None:
    async with labeler(speed=4) as ingester:

        async def streams() -> bool:
            return (await health(client, sim.host)).get("state") == "streaming"

        await until(streams)
        before, readers = await health(client, sim.host), set(sim.labels.readers)
        await asyncio.sleep(2.5)  # 10 s on the ingester's clock: two heartbeats
        assert len(readers) == 1
        assert sim.labels.readers == readers
        found = await health(client, sim.host)
        reported = [
            {name: each[name] for name in ("state", "since", "reconnects", "errors")} for each in (before, found)
        ]
        assert reported[0] == reported[1]
        assert (await ingester.get("/readyz"))[0] == 200
        assert await ingester.shows(f'sluice_ingester_lag_seconds{{source="{sim.host}"}}', 0)
        notes = await sim.labels.emit(1)
        await until_cursor(client, sim, notes[-1].seq)


async def test_only_an_unanswered_ping_ends_a_quiet_connection(sim: RelaySim) -> None:
    """Answered pings keep a connection without frames open. One unanswered ping ends it."""
    tls: ssl.SSLContext | None = None
    subscription = Subscription(
        Address.parse(sim.url),
        nsid=NSID,
        user_agent="test",
        tls=tls,
        deadlines=Deadlines(ping_interval=0.1, ping=5.0),
    )
    async with subscription.open(cursor="0") as frames:
        waiting = asyncio.ensure_future(anext(frames))
        await until_connected(sim)
        await asyncio.sleep(2)
        assert not waiting.done()
        sim.fault("stall", stream="labels")
        with pytest.raises(SourceError) as caught:
            await asyncio.wait_for(waiting, 60)
        assert caught.value.failure.kind == "PingTimeout"


async def test_relays_and_labelers_in_one_process(
    redis_server: RedisServer, client: Redis, tmp_path: Path, sim: RelaySim
) -> None:
    """Mode `all`, here with one host that is both."""
    names = {"INGESTER_MODE": "all", "INGESTER_LABELER_HOSTS": sim.url}
    async with Ingester(tmp_path, redis_server.url, sim.url, **names) as ingester:
        frames, notes = await sim.emit(50), await sim.labels.emit(30)
        await until_cursor(client, sim, notes[-1].seq)

        async def reached() -> bool:
            return await client.get(f"firehose_live:cursor:{sim.host}") == str(frames[-1].seq).encode()

        await until(reached)
        assert await stored_labels(client) == expected_labels(notes)
        assert await ingester.shows("ingester_labeler_events_total", 30)
        assert await ingester.shows("ingester_firehose_events_total", 50)
        assert await ingester.shows("ingester_websocket_connections", 2)
        assert await ingester.terminate() == 0


async def test_mode_all_without_a_labeler_is_no_error(redis_server: RedisServer, tmp_path: Path, sim: RelaySim) -> None:
    names = {"INGESTER_MODE": "all", "INGESTER_LABELER_HOSTS": ""}
    async with Ingester(tmp_path, redis_server.url, sim.url, **names) as ingester:
        await sim.connected()
        assert not sim.labels.readers
        assert await ingester.terminate() == 0
    async with Ingester(tmp_path, redis_server.url, sim.url, **{**names, "INGESTER_MODE": "labeler"}) as wrong:
        assert await asyncio.wait_for(wrong.process.wait(), 60) != 0
        assert "INGESTER_LABELER_HOSTS is empty" in wrong.log


async def test_the_rust_indexer_reads_it_unchanged(labeler: Make, client: Redis, sim: RelaySim) -> None:
    """With its group, its field, XACK and XDEL, one crash with a pending batch, and backpressure."""
    sim.labels.set_pace(rate=500, limit=1000, paused=False)
    indexer = LabelIndexer(client)
    await indexer.start()
    async with labeler(INGESTER_HIGH_WATER_MARK="150", INGESTER_BATCH_SIZE="50"):

        async def full() -> bool:
            return (await health(client, sim.host)).get("reason") == "HighWaterMark"

        await until(full)
        assert await client.xlen("label_live") < 1000
        assert await indexer.read(then_die=True) > 0
        async with asyncio.timeout(60):
            while len(indexer.seqs) < 1000:
                await indexer.read()
    assert indexer.seqs == list(range(1, 1001))
    assert await client.xlen("label_live") == 0
    wanted: State = {}
    for _, labels in expected_labels(sim.labels.journal):
        apply(wanted, labels)
    assert indexer.state == wanted
    assert len(wanted) < sum(len(note.facts["labels"]) for note in sim.labels.journal)
