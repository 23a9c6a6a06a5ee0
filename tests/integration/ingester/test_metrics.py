"""The metrics of a running ingester, compared with Redis and with what the source sent."""

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from redis.asyncio import Redis

from e2e.relaysim import damage
from e2e.relaysim.sim import RelaySim
from tests.integration.ingester.process import Ingester
from tests.integration.ingester.stored import events, until, until_cursor
from tests.integration.redis_server import RedisServer

WANTED = ("app.bsky.feed.post", "app.bsky.actor.profile")
Samples = dict[tuple[str, str, str], float]
"""(name, source, kind) -> value."""


async def scrape(ingester: Ingester) -> Samples:
    _, text = await ingester.get("/metrics")
    return {
        (sample.name, sample.labels.get("source", ""), sample.labels.get("kind", "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if "le" not in sample.labels
    }


@pytest.mark.timeout(600)
async def test_all_metrics_agree_with_redis_and_the_source(
    redis_server: RedisServer, client: Redis, tmp_path: Path
) -> None:
    async with RelaySim(rate=0, limit=1500, label_rate=0, label_limit=200, dormant=300) as sim:
        sim.fault("refuse", endpoint="subscribeRepos", status=503)
        async with Ingester(
            tmp_path,
            redis_server.url,
            sim.url,
            INGESTER_MODE="all",
            INGESTER_LABELER_HOSTS=sim.url,
            INGESTER_COLLECTIONS=",".join(WANTED),
        ) as ingester:
            await until_cursor(client, sim.host, sim.options.first_seq + 1499)
            for how in damage.HOW:
                sim.fault("corrupt", how=how)
            sim.fault("cut", how="abort")
            await sim.connected()
            last = sim.fault("odd", what="null-blobs")["seqs"][0]
            await until_cursor(client, sim.host, last)
            await client.delete(f"firehose_live:cursor:{sim.host}")  # everything is read once more

            async def again() -> bool:
                return await client.get(f"firehose_live:cursor:{sim.host}") == str(last).encode()

            await until(again)

            async def at_rest() -> bool:
                now = await scrape(ingester)
                lengths = {name: await client.xlen(name) for name in ("firehose_live", "label_live", "repo_backfill")}
                wanted = {"backfill_complete": 1, "websocket_connections": 2, "events_in_memory": 0}
                wanted |= {f"{name}_length": length for name, length in lengths.items()}
                return (
                    lengths["label_live"] == 200
                    and lengths["repo_backfill"] > 0
                    and all(now[f"ingester_{name}", "", ""] == value for name, value in wanted.items())
                )

            await until(at_rest)
            found = await scrape(ingester)
            await hold(found, client, sim)
            assert await ingester.terminate() == 0


async def hold(found: Samples, client: Redis, sim: RelaySim) -> None:
    def plain(name: str) -> float:
        return found[f"ingester_{name}", "", ""]

    def own(name: str, kind: str = "") -> float:
        return found.get((f"sluice_ingester_{name}", sim.host, kind), 0)

    stored = Counter(event["type"] for event in await events(client))
    for kind, number in stored.items():
        assert own("events_total", kind) == number
    for kind in ("create", "update", "delete"):
        assert plain(f"firehose_{kind}_events_total") == stored[kind] > 0
    entries: Any = await client.xrange("label_live")
    labels = [label for _, fields in entries for label in json.loads(fields[b"labels"])["labels"]]
    assert plain("labels_written_total") == own("events_total", "label") == len(labels) > 0
    assert plain("labeler_events_total") == len(entries) == 200
    repos = await client.xlen("repo_backfill")
    assert plain("backfill_repos_written_total") == plain("backfill_repos_fetched_total") == repos >= 300
    assert plain("backfill_fetch_errors_total") == plain("backfill_cursor_skips_total") == 0
    assert plain("stream_events_total") == stored.total() + len(entries) + repos
    assert plain("firehose_backfill_length") == 0

    letters: Any = await client.xrange("firehose_live:deadletter")
    reasons = Counter(fields[b"reason"].split(b":")[0].decode() for _, fields in letters)
    assert len(letters) >= len(damage.HOW)
    assert {kind: own("dead_letters_total", kind) for kind in reasons} == reasons
    filtered = sum(
        op["path"].split("/")[0] not in WANTED
        for note in sim.journal
        if "fault" not in note.facts
        for op in note.facts.get("ops", ())
    )
    assert plain("firehose_filtered_operations_total") == 2 * filtered > 0  # everything was read twice

    assert own("errors_total", "Http503") == 1
    assert own("errors_total", "ConnectionLost") >= 1
    assert own("reconnects_total") >= 2
    assert own("fenced_total") == 1
    by_kind = {kind: value for (name, _, kind), value in found.items() if name == "sluice_ingester_errors_total"}
    assert plain("errors_total") == sum(by_kind.values()) > 2

    assert plain("websocket_connections") == 2
    assert plain("backpressure_active") == plain("events_in_memory") == own("buffer_events") == own("buffer_bytes") == 0
    # One host is both here. The simulator's labels are old, also the newest one.
    newest = max(datetime.fromisoformat(label["cts"]) for label in labels)
    assert own("lag_seconds") == pytest.approx((datetime.now(UTC) - newest).total_seconds(), abs=60)
    assert own("append_seconds_count") > 0
    assert 0 < own("append_seconds_sum") < 60


async def test_backpressure_shows(redis_server: RedisServer, client: Redis, tmp_path: Path) -> None:
    async with (
        RelaySim(rate=0, limit=3000) as sim,
        Ingester(
            tmp_path, redis_server.url, sim.url, INGESTER_MODE="firehose", INGESTER_HIGH_WATER_MARK="500"
        ) as ingester,
    ):

        async def full() -> bool:
            return (await scrape(ingester))["ingester_backpressure_active", "", ""] == 1

        await until(full)
        await until(lambda: holds(ingester, sim, events=500))
        found = await scrape(ingester)
        held = found["sluice_ingester_buffer_events", sim.host, ""]
        assert found["ingester_events_in_memory", "", ""] == held
        assert 500 <= held <= 2 * 500 + 400  # two batches; a batch ends with a whole frame
        assert found["sluice_ingester_buffer_bytes", sim.host, ""] > 0
        assert 0 <= found["sluice_ingester_lag_seconds", sim.host, ""] < 60
        assert found["ingester_stream_events_total", "", ""] == await client.xlen("firehose_live")


async def holds(ingester: Ingester, sim: RelaySim, *, events: int) -> bool:
    return (await scrape(ingester))["sluice_ingester_buffer_events", sim.host, ""] >= events
