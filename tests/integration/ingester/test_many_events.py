"""Ten million events at full speed: all are stored, and the memory does not grow."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from bench.ingester_speed.corpus import FIRST_SEQ
from bench.ingester_speed.processes import replay
from bench.processes import memory
from tests.integration.ingester.process import Ingester
from tests.integration.redis_server import RedisServer

EVENTS: Final = 10_000_000
SAMPLES: Final = 20
LIMIT_KIB: Final = 64 * 1024
GROWTH_KIB: Final = 1024
"""Between the first and the second half. Without a leak the samples differ by some hundred KiB."""


@pytest.mark.prove
@pytest.mark.timeout(3600)
async def test_ten_million_events_in_flat_memory(
    own_redis: Callable[..., RedisServer], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = own_redis()
    with replay("--limit", str(EVENTS)) as source:
        settings = {"INGESTER_CA_BUNDLE": str(source.certificate), "INGESTER_HIGH_WATER_MARK": "1000000"}
        async with server.connect() as client, Ingester(tmp_path, server.url, source.url, **settings) as ingester:
            samples: list[int] = []
            stored = 0
            while stored < EVENTS:
                await asyncio.sleep(0.1)
                assert ingester.process.returncode is None
                await client.xtrim("firehose_live", maxlen=10_000)
                if await client.exists("firehose_live"):
                    stored = (await client.xinfo_stream("firehose_live"))["entries-added"]
                if stored >= (len(samples) + 1) * EVENTS // SAMPLES:
                    samples.append(memory(ingester.process.pid)["VmRSS"])
                    with capsys.disabled():
                        print(f"\n{stored:,} events stored, {samples[-1] / 1024:.1f} MiB", end="", flush=True)  # noqa: T201
            peak = memory(ingester.process.pid)["VmHWM"]
            assert await ingester.terminate() == 0
            cursor = await client.get(f"firehose_live:cursor:{source.url.removeprefix('wss://')}")
            assert (stored, cursor) == (EVENTS, str(FIRST_SEQ + EVENTS - 1).encode())
            assert not await client.exists("firehose_live:deadletter")
    assert max(samples[SAMPLES // 2 :]) < max(samples[: SAMPLES // 2]) + GROWTH_KIB, samples
    assert peak < LIMIT_KIB
