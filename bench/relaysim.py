"""Whether the simulated relay is fast enough to be the load in a measurement of something else.

    uv run python -m bench.relaysim

Making events is timed alone; serving is timed with a reader in a process of its own, which decodes nothing.
Times are CPU time of this process; the served rate is by the wall clock, and falls on a busy machine.
"""

import argparse
import asyncio
import sys
import time
from itertools import islice

from websockets.asyncio.client import connect

from e2e.relaysim.corpus import Corpus
from e2e.relaysim.network import World
from e2e.relaysim.sim import FIRST_SEQ, RelaySim

_TIME = "2026-11-01T00:00:00.000Z"


def main() -> None:
    """Measure, or with --read be the reader."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--events", type=int, default=2_000, help="events to make")
    parser.add_argument("--frames", type=int, default=200_000, help="frames to serve")
    parser.add_argument("--read", metavar="URL", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read:
        asyncio.run(_read(options.read, options.frames))
        return
    corpus = _making(options.events)
    asyncio.run(_serving(corpus, options.frames))


def _making(count: int) -> Corpus:
    world = World(seed="bench")
    for _ in islice(world, count // 4):
        pass
    started = time.process_time()
    corpus = Corpus(world, count)
    _report("make an event: record, tree, signature, frame", time.process_time() - started, count)

    started = time.process_time()
    size = sum(len(event.frame.stamp(FIRST_SEQ, _TIME)) for event in corpus.events)
    _report("stamp a frame with seq and time", time.process_time() - started, count)
    print(f"{size / count:10,.0f} bytes a frame on average")
    return corpus


async def _serving(corpus: Corpus, count: int) -> None:
    async with RelaySim(corpus=corpus, rate=0, limit=count) as sim:
        arguments = ("-m", "bench.relaysim", "--frames", str(count), "--read", sim.url)
        reader = await asyncio.create_subprocess_exec(sys.executable, *arguments)
        await sim.connected(timeout=30)
        wall, cpu = time.perf_counter(), time.process_time()
        assert await reader.wait() == 0
        wall = time.perf_counter() - wall
        _report("serve a frame", time.process_time() - cpu, count)
        print(f"{count / wall:10,.0f} frames a second to one reader")


async def _read(url: str, count: int) -> None:
    endpoint = f"{url}/xrpc/com.atproto.sync.subscribeRepos?cursor=0"
    async with connect(endpoint, max_size=None, compression=None) as socket:
        for _ in range(count):
            await socket.recv()


def _report(what: str, seconds: float, count: int) -> None:
    print(f"{seconds / count * 1e6:10,.1f} us to {what}")


if __name__ == "__main__":
    main()
