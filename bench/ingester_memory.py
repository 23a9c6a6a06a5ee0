"""Measures an ingester's speed and memory: at full speed, with huge frames, and while Redis is down.

    uv run python -m bench.ingester_memory
    uv run python -m bench.ingester_memory --limit 64      (needs root: a memory cgroup with so many MiB)

The source is the simulated relay in its own process, with frames made in advance. Redis is a real server. CPU time
is the ingester's only. The rate is by the wall clock: it falls on a busy machine, where source, ingester and Redis
share the cores.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path

from redis.asyncio import Redis

from bench.memory_cgroup import MemoryCgroup, memory_cgroup
from bench.processes import cpu_seconds, ingester, memory, redis, source
from e2e.relaysim.sim import RelaySim
from tests.integration.redis_server import RedisServer


def main() -> None:
    """Run the three measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--frames", type=int, default=100_000, help="frames at full speed")
    parser.add_argument("--corpus", type=int, default=3_000, help="number of different frames among them")
    parser.add_argument("--limit", type=int, help="MiB that the ingester may use")
    options = parser.parse_args()
    with (
        memory_cgroup(options.limit) if options.limit else nullcontext() as cgroup,
        tempfile.TemporaryDirectory() as place,
    ):
        asyncio.run(_measure_all(Path(place), options.frames, options.corpus, cgroup))


async def _measure_all(place: Path, frames: int, corpus: int, cgroup: MemoryCgroup | None) -> None:
    relay = ["--corpus", str(corpus), "--rate", "0", "--limit"]
    with redis(place / "speed") as server:
        async with source(*relay, str(frames)) as (url, first), _ingester(place, server, url, cgroup) as process:
            await _measure("full speed", process, server, url, seqs=range(first, first + frames))
    with redis(place / "huge") as server:
        async with RelaySim(paused=True) as sim, _ingester(place, server, sim.url, cgroup) as process:
            await sim.connected(timeout=30)
            huge = [sim.fault("odd", what="largest")["seqs"][0] for _ in range(30)]
            await _measure("frames of 4.5 MB", process, server, sim.url, seqs=huge)
    with redis(place / "gone") as server:
        half = frames // 2
        async with source(*relay, str(half)) as (url, first), _ingester(place, server, url, cgroup) as process:
            await asyncio.sleep(2)
            server.kill()
            await asyncio.sleep(15)
            await asyncio.to_thread(server.start)
            await _measure("Redis gone for 15 s", process, server, url, seqs=range(first, first + half))


async def _measure(
    title: str, process: asyncio.subprocess.Process, server: RedisServer, url: str, *, seqs: Sequence[int]
) -> None:
    began, cpu = time.monotonic(), cpu_seconds(process.pid)
    key = f"firehose_live:cursor:{url.split('//')[1]}"
    async with Redis.from_url(server.url) as client:
        async with asyncio.timeout(600):
            while int(await client.get(key) or 0) < seqs[-1]:
                if process.returncode is not None:
                    sys.exit(f"{title}: the ingester ended with {process.returncode}")
                await asyncio.sleep(0.05)
        wall, cpu = time.monotonic() - began, cpu_seconds(process.pid) - cpu
        events = await client.xlen("firehose_live")
    used = memory(process.pid)
    print(
        f"{title:<22} {len(seqs) / wall:>8,.0f} frames/s   {1e6 * cpu / len(seqs):>7,.1f} us CPU a frame   "
        f"{events:>7,} events   peak {used['VmHWM'] / 1024:5.1f} MiB, of which now private "
        f"{used['RssAnon'] / 1024:5.1f} MiB",
        flush=True,
    )


@asynccontextmanager
async def _ingester(
    place: Path, server: RedisServer, url: str, cgroup: MemoryCgroup | None
) -> AsyncIterator[asyncio.subprocess.Process]:
    command = [sys.executable, "-m", "sluice_ingester"]
    wrapped = cgroup.command(command) if cgroup else command
    running = ingester(command, server=server, url=url, bytecode=place / "bytecode", wrapped=wrapped)
    async with running as process:
        yield process
    if cgroup:
        print(f"{'':<22} {cgroup.summary()}; exit status {process.returncode}", flush=True)


if __name__ == "__main__":
    main()
