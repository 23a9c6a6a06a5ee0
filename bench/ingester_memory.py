"""How fast an ingester is, and how much memory it takes: at full speed, with huge frames, while Redis is gone.

    uv run python -m bench.ingester_memory
    uv run python -m bench.ingester_memory --limit 64      (root on Linux: in a memory cgroup of so many MiB)

The source is the simulated relay in a process of its own, which serves frames made before; Redis is a
real one. CPU time is the ingester's own; the rate by the wall clock falls on a busy machine, where
source, ingester and Redis share the cores.
"""

import argparse
import asyncio
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext, suppress
from pathlib import Path

from redis.asyncio import Redis

from bench.cage import Cage, cage
from e2e.relaysim.sim import RelaySim
from tests.integration.redis_server import RedisServer

TICKS = os.sysconf("SC_CLK_TCK")


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
    with _redis(place / "speed") as server:
        async with _source(*relay, str(frames)) as (url, first), _ingester(place, server, url, limited) as process:
            await _measure("full speed", process, server, url, seqs=range(first, first + frames))
    with _redis(place / "huge") as server:
        async with RelaySim(paused=True) as sim, _ingester(place, server, sim.url, limited) as process:
            await sim.connected(timeout=30)
            huge = [sim.fault("odd", what="largest")["seqs"][0] for _ in range(30)]
            await _measure("frames of 4.5 MB", process, server, sim.url, seqs=huge)
    with _redis(place / "gone") as server:
        half = frames // 2
        async with _source(*relay, str(half)) as (url, first), _ingester(place, server, url, limited) as process:
            await asyncio.sleep(2)
            server.kill()
            await asyncio.sleep(15)
            await asyncio.to_thread(server.start)
            await _measure("Redis gone for 15 s", process, server, url, seqs=range(first, first + half))


async def _measure(
    scene: str, process: asyncio.subprocess.Process, server: RedisServer, url: str, *, seqs: Sequence[int]
) -> None:
    began, cpu = time.monotonic(), _cpu(process.pid)
    key = f"firehose_live:cursor:{url.split('//')[1]}"
    async with Redis.from_url(server.url) as client:
        async with asyncio.timeout(600):
            while int(await client.get(key) or 0) < seqs[-1]:
                if process.returncode is not None:
                    sys.exit(f"{scene}: the ingester ended with {process.returncode}")
                await asyncio.sleep(0.05)
        wall, cpu = time.monotonic() - began, _cpu(process.pid) - cpu
        events = await client.xlen("firehose_live")
    memory = _status(process.pid)
    print(
        f"{scene:<22} {len(seqs) / wall:>8,.0f} frames/s   {1e6 * cpu / len(seqs):>7,.1f} us CPU a frame   "
        f"{events:>7,} events   peak {memory['VmHWM'] / 1024:5.1f} MiB, of which now private "
        f"{memory['RssAnon'] / 1024:5.1f} MiB",
        flush=True,
    )


@contextmanager
def _redis(directory: Path) -> Iterator[RedisServer]:
    directory.mkdir()
    server = RedisServer(directory, appendonly="yes")
    server.start()
    try:
        yield server
    finally:
        server.kill()
        shutil.rmtree(directory)


@asynccontextmanager
async def _source(*arguments: str) -> AsyncIterator[tuple[str, int]]:
    """A simulated relay as a process: its URL and its first seq."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "e2e.relaysim", "--host", "127.0.0.1", "--port", "0", "--window", "1000000", *arguments,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout
    try:
        listening = json.loads(await process.stdout.readline())
        yield listening["url"], listening["next_seq"]
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


@asynccontextmanager
async def _ingester(
    place: Path, server: RedisServer, url: str, limited: Cage | None
) -> AsyncIterator[asyncio.subprocess.Process]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {
        "PYTHONPYCACHEPREFIX": str(place / "bytecode"),
        "MALLOC_ARENA_MAX": "1",
        "REDIS_URL": server.url,
        "INGESTER_RELAY_HOSTS": url,
        "INGESTER_COLLECTIONS": "*",
        "INGESTER_HIGH_WATER_MARK": "100000000",
        "METRICS_PORT": "0",
        "LOG_LEVEL": "error",
    }
    command = [sys.executable, "-m", "sluice_ingester"]
    warm = await asyncio.create_subprocess_exec(
        *command, "--version", env=environment, stdout=asyncio.subprocess.DEVNULL
    )
    await warm.wait()  # byte code is made once, as in the image
    process = await asyncio.create_subprocess_exec(*(limited.command(command) if limited else command), env=environment)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        status = await process.wait()
        if limited:
            print(f"{'':<22} {limited.tell()}; exit status {status}", flush=True)


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _status(pid: int) -> dict[str, int]:
    lines = (line.split() for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {line[0].rstrip(":"): int(line[1]) for line in lines if line[-1] == "kB"}


if __name__ == "__main__":
    main()
