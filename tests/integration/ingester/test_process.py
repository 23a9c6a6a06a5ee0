"""The ingester's process: settings, signals, probes, metrics, log."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast

import aiohttp
import pytest
from redis.asyncio import Redis

from e2e.relaysim.sim import RelaySim
from tests.integration.ingester.process import Ingester
from tests.integration.ingester.stored import expected_events, health, stored_events, until, until_cursor, until_state
from tests.integration.redis_server import RedisServer

GRACE = 15
"""The termination grace period of the operator's pods, in seconds."""
RUST_COUNTERS = [
    "firehose_events",
    "firehose_create_events",
    "firehose_update_events",
    "firehose_delete_events",
    "firehose_filtered_operations",
    "stream_events",
    "errors",
    "labeler_events",
    "labels_written",
    "backfill_repos_fetched",
    "backfill_repos_written",
    "backfill_fetch_errors",
    "backfill_cursor_skips",
]
RUST_GAUGES = [
    "firehose_live_length",
    "firehose_backfill_length",
    "label_live_length",
    "repo_backfill_length",
    "backpressure_active",
    "websocket_connections",
    "events_in_memory",
    "backfill_complete",
]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sluice_ingester", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_version() -> None:
    done = run("--version")
    assert (done.returncode, done.stdout.split()[0]) == (0, "sluice-ingester")
    command = Path(sys.executable).parent / "sluice-ingester"
    assert subprocess.run([command, "--version"], capture_output=True, text=True, check=True).stdout == done.stdout


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        (
            {"INGESTER_BATCH_SIZE": "many"},
            "INGESTER_BATCH_SIZE='many' is not valid: give a whole number from 1 to 10000",
        ),
        ({"INGESTER_MODE": "labeler"}, "INGESTER_LABELER_HOSTS is empty"),
        ({"REDIS_URL": "redis://:hunter2/@x"}, "REDIS_URL is not valid"),
        ({"INGESTER_RELAY_HOSTS": "a.test,wss://a.test"}, "INGESTER_RELAY_HOSTS"),
        ({"INGESTER_CA_BUNDLE": __file__}, "INGESTER_CA_BUNDLE"),
    ],
)
def test_a_wrong_setting_ends_the_process_with_one_line(environment: dict[str, str], message: str) -> None:
    done = run(**{"METRICS_PORT": "0", **environment})
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "hunter2" not in done.stderr


async def test_a_port_in_use(redis_server: RedisServer, tmp_path: Path) -> None:
    async with Ingester(tmp_path, redis_server.url, "ws://127.0.0.1:1") as first:
        done = await asyncio.to_thread(
            run, METRICS_PORT=str(await first.port()), REDIS_URL=redis_server.url, INGESTER_RELAY_HOSTS="a.test"
        )
        assert (done.returncode, "METRICS_PORT" in done.stderr, len(done.stderr.splitlines())) == (2, True, 1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_flushes_whole_frames(
    redis_server: RedisServer, client: Redis, tmp_path: Path, number: signal.Signals
) -> None:
    async with (
        RelaySim(paused=True) as sim,
        Ingester(
            tmp_path, redis_server.url, sim.url, INGESTER_BATCH_TIMEOUT_MS="60000", INGESTER_BATCH_SIZE="9999"
        ) as ingester,
    ):
        await sim.connected()
        # A batch is flushed at 2 MiB. This is less, so on a slow machine too it is flushed by the signal.
        await sim.emit(300)

        async def many() -> bool:
            return await ingester.metric("ingester_events_in_memory") > 100

        await until(many)
        assert await client.xlen("firehose_live") == 0
        ingester.process.send_signal(number)
        async with asyncio.timeout(60):
            assert await ingester.process.wait() == 0
        stored = await stored_events(client)
        assert len(stored) > 100
        assert stored == expected_events(sim.journal)[: len(stored)]
        assert int(await client.get(f"firehose_live:cursor:{sim.host}") or 0) == stored[-1][0]
        assert (await health(client, sim.host))["state"] == "stopped"


async def test_it_stops_in_time_when_redis_is_down(own_redis: Callable[..., RedisServer], tmp_path: Path) -> None:
    server = own_redis()
    async with RelaySim(rate=300) as sim, Ingester(tmp_path, server.url, sim.url) as ingester:
        async with server.connect() as client:
            await until_cursor(client, sim.host, sim.options.first_seq)
        server.kill()
        await asyncio.sleep(1.5)
        assert await ingester.terminate(within=GRACE) == 0


async def test_it_stops_in_time_when_redis_does_not_answer(
    redis_server: RedisServer, client: Redis, tmp_path: Path
) -> None:
    async with RelaySim(rate=300) as sim, Ingester(tmp_path, redis_server.url, sim.url, speed=4) as ingester:
        await until_cursor(client, sim.host, sim.options.first_seq)
        redis_server.pause(seconds=3)  # 12 s on the ingester's clock
        await asyncio.sleep(0.25)
        assert await ingester.terminate(within=GRACE) == 0
    await client.ping()  # the shared server answers again before the next test


async def test_probes(redis_server: RedisServer, client: Redis, tmp_path: Path) -> None:
    async with RelaySim(paused=True) as sim:
        sim.fault("refuse", status=503, times=None)
        async with Ingester(tmp_path, redis_server.url, sim.url) as ingester:
            await until_state(client, sim.host, "waiting", "Http503")
            assert await ingester.get("/healthz") == (200, f"{sim.host}: alive\n")

            async def names_the_reason() -> bool:  # except while it retries
                status, body = await ingester.get("/readyz")
                assert status == 503
                return "answered 503 Service Unavailable" in body

            await until(names_the_reason)
            sim.fault("accept")
            await sim.connected()
            await until_state(client, sim.host, "streaming")
            assert await ingester.get("/readyz") == (200, f"{sim.host}: streaming\n")
            assert (await ingester.get("/"))[0] == 404
            for address in ("127.0.0.1", "[::1]"):
                url = f"http://{address}:{await ingester.port()}/healthz"
                async with aiohttp.ClientSession() as session, session.get(url) as answer:
                    assert answer.status == 200


async def test_metrics(redis_server: RedisServer, client: Redis, tmp_path: Path) -> None:
    async with RelaySim(rate=0, limit=1000) as sim, Ingester(tmp_path, redis_server.url, sim.url) as ingester:
        await until_cursor(client, sim.host, sim.options.first_seq + 999)
        expected = expected_events(sim.journal)
        _, text = await ingester.get("/metrics")
        names = {line.split(" ")[0].split("{")[0] for line in text.splitlines() if not line.startswith("#")}
        assert {f"ingester_{name}_total" for name in RUST_COUNTERS} <= names
        assert {f"ingester_{name}" for name in RUST_GAUGES} <= names
        assert not [name for name in names if name.endswith("_created")]
        source = f'source="{sim.host}"'
        assert await ingester.shows("ingester_firehose_events_total", 1000)
        assert await ingester.shows("ingester_stream_events_total", len(expected))
        assert await ingester.shows("ingester_websocket_connections", 1)
        assert await ingester.shows("ingester_events_in_memory", 0)
        assert await ingester.shows(f"sluice_ingester_buffer_bytes{{{source}}}", 0)
        assert await ingester.metric(f"sluice_ingester_append_seconds_count{{{source}}}") >= 2
        assert 0 <= await ingester.metric(f"sluice_ingester_lag_seconds{{{source}}}") < 30
        for kind in ("create", "update", "delete"):
            count = sum(event[1] == kind for event in expected)
            assert await ingester.metric(f"ingester_firehose_{kind}_events_total") == count > 0
        for kind in ("create", "update", "delete", "account", "identity", "sync"):
            count = sum(event[1] == kind for event in expected)
            assert await ingester.shows(f'sluice_ingester_events_total{{kind="{kind}",{source}}}', count)

        async def length_is_reported() -> bool:
            return await ingester.metric("ingester_firehose_live_length") == len(expected)

        await until(length_is_reported)


async def test_several_sources_in_one_process(redis_server: RedisServer, client: Redis, tmp_path: Path) -> None:
    async with (
        RelaySim(rate=0, limit=400, seed="one", first_seq=1) as one,
        RelaySim(rate=0, limit=400, seed="two", first_seq=7_000_000_000) as two,
        Ingester(tmp_path, redis_server.url, f"{one.url}, {two.url}") as ingester,
    ):
        await until_cursor(client, one.host, 400)
        await until_cursor(client, two.host, 7_000_000_399)
        stored = await stored_events(client)
        assert [entry for entry in stored if entry[0] < 1000] == expected_events(one.journal)
        assert [entry for entry in stored if entry[0] > 1000] == expected_events(two.journal)
        await one.stop()
        await until_state(client, one.host, "waiting", "ConnectFailed")
        await until_state(client, two.host, "streaming")
        assert await ingester.shows("ingester_websocket_connections", 1)


async def test_keys_with_a_prefix(redis_server: RedisServer, client: Redis, tmp_path: Path) -> None:
    async with (
        RelaySim(rate=0, limit=100) as sim,
        Ingester(tmp_path, redis_server.url, sim.url, INGESTER_KEY_PREFIX="{sluice}:"),
    ):

        async def complete() -> bool:
            stored = await client.get("{sluice}:firehose_live:cursor:" + sim.host)
            return stored is not None and int(stored) == sim.options.first_seq + 99

        await until(complete)
        assert await stored_events(client, "{sluice}:firehose_live") == expected_events(sim.journal)
        assert not [key for key in await client.keys("*") if cast("bytes", key).find(b"{sluice}:firehose_live")]


async def test_log_lines_are_json(redis_server: RedisServer, client: Redis, tmp_path: Path) -> None:
    async with RelaySim(rate=0, limit=100) as sim, Ingester(tmp_path, redis_server.url, sim.url) as ingester:
        await until_cursor(client, sim.host, sim.options.first_seq + 99)
        assert await ingester.terminate() == 0
        lines = [json.loads(line) for line in ingester.log.splitlines()]
        assert all(line.keys() >= {"time", "level", "logger", "message"} for line in lines)
        assert lines[-1]["message"] == "stopped"
        assert any(line.get("source") == sim.host for line in lines)


async def test_plain_log_lines(redis_server: RedisServer, tmp_path: Path) -> None:
    async with Ingester(
        tmp_path, redis_server.url, "ws://127.0.0.1:1", LOG_FORMAT="plain", LOG_LEVEL="INFO"
    ) as ingester:
        await ingester.port()
        assert "INFO" in ingester.log
        assert "{" not in ingester.log
