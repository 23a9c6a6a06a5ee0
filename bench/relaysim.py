"""Measures the CPU cost of the simulated relay. It must be low where the relay is the load of another measurement.

    uv run python -m bench.relaysim

- the CPU time to make one event, in this process
- the CPU time of a simulator at a steady rate, in percent of a core, with one reader
- the time and the CPU time of a burst, to one reader

The simulator and the reader run in their own processes. The reader decodes nothing. Wall-clock times grow on a busy
machine.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path

from websockets.asyncio.client import connect

from e2e.relaysim.network import Network

_READER = ("-m", "bench.relaysim", "--read")
_TIME = "2026-11-01T00:00:00.000Z"
_FIRST_SEQ = 6_322_875_401
_AT_MOST_SECONDS = 600


def main() -> None:
    """Measure, or with --read run as the reader."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--events", type=int, default=2_000, help="events to make")
    parser.add_argument("--rates", type=int, nargs="*", default=[50, 100, 200], help="messages a second")
    parser.add_argument("--seconds", type=float, default=10.0, help="time to measure at each rate")
    parser.add_argument("--burst", type=int, default=50_000, help="messages to send as fast as possible")
    parser.add_argument("--read", nargs=2, metavar=("URL", "COUNT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read:
        asyncio.run(_read(options.read[0], int(options.read[1])))
        return
    _making(options.events)
    for rate in options.rates:
        asyncio.run(_steady(rate, options.seconds))
    asyncio.run(_burst(options.burst))


def _making(count: int) -> None:
    network = Network(seed="bench")
    for _ in islice(network, count // 4):
        pass
    started = time.process_time()
    events = list(islice(network, count))
    _print((time.process_time() - started) / count * 1e6, "us to make an event: record, tree, signature, frame")
    started = time.process_time()
    size = sum(len(event.frame.stamp(_FIRST_SEQ, _TIME)) for event in events)
    _print((time.process_time() - started) / count * 1e6, "us to put seq and time into a frame")
    _print(size / count, "bytes in a frame on average")


@asynccontextmanager
async def _simulator(*arguments: str) -> AsyncIterator[tuple[int, str]]:
    """Run a simulator as a process. Gives its process ID and its URL."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "e2e.relaysim", "--host", "127.0.0.1", "--port", "0", "--window", "100000"),
        *("--for", str(_AT_MOST_SECONDS), "--exit", *arguments),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    try:
        yield process.pid, json.loads(await process.stdout.readline())["url"]
    finally:
        process.terminate()
        await process.wait()


async def _steady(rate: int, seconds: float) -> None:
    async with _simulator("--rate", str(rate)) as (pid, url):
        reader = await asyncio.create_subprocess_exec(sys.executable, *_READER, url, str(10**9))
        await asyncio.sleep(2)
        wall, cpu = time.perf_counter(), _cpu_seconds(pid)
        await asyncio.sleep(seconds)
        share = (_cpu_seconds(pid) - cpu) / (time.perf_counter() - wall)
        reader.kill()
        await reader.wait()
    _print(100 * share, f"% of a core at {rate} messages a second")


async def _burst(count: int) -> None:
    async with _simulator("--rate", "0", "--limit", str(count)) as (pid, url):
        wall, cpu = time.perf_counter(), _cpu_seconds(pid)
        reader = await asyncio.create_subprocess_exec(sys.executable, *_READER, url, str(count))
        assert await reader.wait() == 0
        wall, cpu = time.perf_counter() - wall, _cpu_seconds(pid) - cpu
    _print(wall, f"s until a reader has {count:,} messages, its own start included")
    _print(cpu, "s of CPU time for that in the simulator")
    _print(cpu / count * 1e6, "us for each of them")


async def _read(url: str, count: int) -> None:
    endpoint = f"{url}/xrpc/com.atproto.sync.subscribeRepos?cursor=0"
    async with connect(endpoint, max_size=None, compression=None) as socket:
        for _ in range(count):
            await socket.recv()


def _cpu_seconds(pid: int) -> float:
    """The CPU time of the process in seconds, with a finer resolution than /proc/PID/stat."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def _print(value: float, what: str) -> None:
    print(f"{value:12,.2f} {what}", flush=True)


if __name__ == "__main__":
    main()
