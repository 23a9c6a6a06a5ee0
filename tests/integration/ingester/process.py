"""Runs the ingester as a process, with environment variables, signals and an HTTP port."""

import asyncio
import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import aiohttp

from tests.integration.fast_clock import command
from tests.integration.fork_server import ForkedProcess, fork_server


class ForkedIngester:
    """A process of the fork server, with what tests use of `asyncio.subprocess.Process`."""

    def __init__(self, process: ForkedProcess) -> None:
        self._process = process
        self.pid = process.pid
        self.send_signal = process.send_signal
        self.kill = process.kill

    @property
    def returncode(self) -> int | None:
        return self._process.poll()

    async def wait(self) -> int:
        while (code := self.returncode) is None:
            await asyncio.sleep(0.02)
        return code


class Ingester:
    """`python -m sluice_ingester` with these settings. `async with` starts and ends it.

    Its timers run `speed` times as fast as real time.
    """

    def __init__(self, directory: Path, redis_url: str, hosts: str, *, speed: float = 1.0, **environment: str) -> None:
        self._speed = speed
        self.wrap: Callable[[list[str]], list[str]] | None = None
        """Makes the command to start from that of the ingester. None: the fork server starts it."""
        self._log = directory / f"ingester-{os.urandom(3).hex()}.log"
        # Byte code goes to the test's directory: the repository may be read-only, or byte code switched off there.
        self._environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | {
            "PYTHONPYCACHEPREFIX": str(directory.parent / "bytecode"),
            "REDIS_URL": redis_url,
            "INGESTER_RELAY_HOSTS": hosts,
            "INGESTER_COLLECTIONS": "*",
            "INGESTER_BATCH_TIMEOUT_MS": "200",
            "INGESTER_MODE": "firehose",
            "INGESTER_SYNC_EVENTS": "emit",
            "METRICS_PORT": "0",
            **environment,
        }
        self.process: asyncio.subprocess.Process | ForkedIngester

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self.process.returncode is None:
            await self.kill()

    async def start(self) -> None:
        with self._log.open("ab") as log:
            if self.wrap is None:
                server = fork_server("sluice_ingester")
                started = server.start(environment=self._environment, output=log, speed=self._speed)
                self.process = ForkedIngester(started)
            else:
                self.process = await asyncio.create_subprocess_exec(
                    *self.wrap(command("sluice_ingester", speed=self._speed)),
                    stdout=log,
                    stderr=log,
                    env=self._environment,
                )

    async def warm_up(self) -> None:
        """Compile the byte code, which an image has too."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "sluice_ingester",
            "--version",
            stdout=asyncio.subprocess.DEVNULL,
            env=self._environment,
        )
        assert await process.wait() == 0

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()

    async def terminate(self, *, within: float = 60.0) -> int:
        """Send SIGTERM and return the exit status. Raises TimeoutError."""
        self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(within):
            return await self.process.wait()

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def lines(self) -> list[dict[str, str]]:
        whole, _, _ = self.log.rpartition("\n")  # the last line may be half written
        return [json.loads(line) for line in whole.splitlines()]

    async def port(self) -> int:
        """The port of the HTTP server, from the log."""
        async with asyncio.timeout(60):
            while not (found := re.search(r"http port (\d+)", self.log)):
                await asyncio.sleep(0.02)
        return int(found[1])

    async def get(self, path: str) -> tuple[int, str]:
        """Status and body of an HTTP answer."""
        url = f"http://127.0.0.1:{await self.port()}{path}"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return answer.status, await answer.text()

    async def metric(self, name: str) -> float:
        """The value of a metric. `name` includes its labels."""
        _, text = await self.get("/metrics")
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    async def shows(self, name: str, value: float) -> bool:
        """Wait until that metric is `value`: it is counted a moment after the write to Redis."""
        deadline = time.monotonic() + 60
        while await self.metric(name) != value:
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.05)
        return True
