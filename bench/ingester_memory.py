"""How fast an ingester is, and how much memory it takes: at full speed, with huge frames, while Redis is gone.

    uv run python -m bench.ingester_memory
    uv run python -m bench.ingester_memory --limit 64      (root on Linux: in a memory cgroup of so many MiB)

The source is the simulated relay in a process of its own, which serves frames made before; Redis is a
real one. CPU time is the ingester's own; the rate by the wall clock falls on a busy machine, where
source, ingester and Redis share the cores.
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

from bench.cage import Cage, cage
from bench.processes import cpu_seconds, ingester, memory, redis, source
from e2e.relaysim.sim import RelaySim
from tests.integration.redis_server import RedisServer


def main() -> None:
    """Run the three scenes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--frames", type=int, default=100_000, help="frames at full speed")
    parser.add_argument("--corpus", type=int, default=3_000, help="different frames to make for that")
    parser.add_argument("--limit", type=int, help="MiB that the ingester may use")
    options = parser.parse_args()
    with cage(options.limit) if options.limit else nullcontext() as limited, tempfile.TemporaryDirectory() as place:
        asyncio.run(_scenes(Path(place), options.frames, options.corpus, limited))


async def _scenes(place: Path, frames: int, corpus: int, limited: Cage | None) -> None:
    relay = ["--corpus", str(corpus), "--rate", "0", "--limit"]
    with redis(place / "speed") as server:
        async with source(*relay, str(frames)) as (url, first), _ingester(place, server, url, limited) as process:
            await _measure("full speed", process, server, url, seqs=range(first, first + frames))
    with redis(place / "huge") as server:
        async with RelaySim(paused=True) as sim, _ingester(place, server, sim.url, limited) as process:
            await sim.connected(timeout=30)
            huge = [sim.fault("odd", what="largest")["seqs"][0] for _ in range(30)]
            await _measure("frames of 4.5 MB", process, server, sim.url, seqs=huge)
    with redis(place / "gone") as server:
        half = frames // 2
        async with source(*relay, str(half)) as (url, first), _ingester(place, server, url, limited) as process:
            await asyncio.sleep(2)
            server.kill()
            await asyncio.sleep(15)
            await asyncio.to_thread(server.start)
            await _measure("Redis gone for 15 s", process, server, url, seqs=range(first, first + half))


async def _measure(
    scene: str, process: asyncio.subprocess.Process, server: RedisServer, url: str, *, seqs: Sequence[int]
) -> None:
    began, cpu = time.monotonic(), cpu_seconds(process.pid)
    key = f"firehose_live:cursor:{url.split('//')[1]}"
    async with Redis.from_url(server.url) as client:
        async with asyncio.timeout(600):
            while int(await client.get(key) or 0) < seqs[-1]:
                if process.returncode is not None:
                    sys.exit(f"{scene}: the ingester ended with {process.returncode}")
                await asyncio.sleep(0.05)
        wall, cpu = time.monotonic() - began, cpu_seconds(process.pid) - cpu
        events = await client.xlen("firehose_live")
    used = memory(process.pid)
    print(
        f"{scene:<22} {len(seqs) / wall:>8,.0f} frames/s   {1e6 * cpu / len(seqs):>7,.1f} us CPU a frame   "
        f"{events:>7,} events   peak {used['VmHWM'] / 1024:5.1f} MiB, of which now private "
        f"{used['RssAnon'] / 1024:5.1f} MiB",
        flush=True,
    )


@asynccontextmanager
async def _ingester(
    place: Path, server: RedisServer, url: str, limited: Cage | None
) -> AsyncIterator[asyncio.subprocess.Process]:
    command = [sys.executable, "-m", "sluice_ingester"]
    wrapped = limited.command(command) if limited else command
    running = ingester(command, server=server, url=url, bytecode=place / "bytecode", wrapped=wrapped)
    async with running as process:
        yield process
    if limited:
        print(f"{'':<22} {limited.tell()}; exit status {process.returncode}", flush=True)


if __name__ == "__main__":
    main()
