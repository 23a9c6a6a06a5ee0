"""The processes of a measurement: Redis, the simulated relay, an ingester; and their CPU time and memory."""

import asyncio
import json
import os
import shutil
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

from tests.integration.redis_server import RedisServer


@contextmanager
def redis(directory: Path) -> Iterator[RedisServer]:
    """A Redis on loopback with an append-only file in `directory`, which is deleted at the end.

    It never rewrites the file: that would be another process on the cores of the measurement.
    """
    directory.mkdir()
    server = RedisServer(directory, **{"appendonly": "yes", "auto-aof-rewrite-percentage": "0"})
    server.start()
    try:
        yield server
    finally:
        server.kill()
        shutil.rmtree(directory)


@asynccontextmanager
async def source(*arguments: str) -> AsyncIterator[tuple[str, int]]:
    """Run a simulated relay as a process. Gives its URL and its first seq."""
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
async def ingester(
    command: Sequence[str], *, server: RedisServer, url: str, bytecode: Path, wrapped: Sequence[str] = ()
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run an ingester of all collections. `wrapped` is `command` inside another command, if it needs one."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {
        "PYTHONPYCACHEPREFIX": str(bytecode),
        "MALLOC_ARENA_MAX": "1",
        "REDIS_URL": server.url,
        "INGESTER_RELAY_HOSTS": url,
        "INGESTER_COLLECTIONS": "*",
        "INGESTER_HIGH_WATER_MARK": "100000000",
        "METRICS_PORT": "0",
        "LOG_LEVEL": "error",
    }
    warm = await asyncio.create_subprocess_exec(
        *command, "--version", env=environment, stdout=asyncio.subprocess.DEVNULL
    )
    await warm.wait()  # byte code is compiled once, as in the image
    process = await asyncio.create_subprocess_exec(*(wrapped or command), env=environment)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


def cpu_seconds(pid: int) -> float:
    """The CPU time of a process with all its threads in seconds, in user and kernel mode."""
    # Linux: the clock of a process is named by its ID, see clock_getcpuclockid(3).
    return time.clock_gettime_ns((~pid << 3) | 2) / 1e9


def memory(pid: int) -> dict[str, int]:
    """The numbers of /proc/PID/status in KiB, such as VmHWM (peak resident memory) and RssAnon."""
    lines = (line.split() for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {line[0].rstrip(":"): int(line[1]) for line in lines if line[-1] == "kB"}
