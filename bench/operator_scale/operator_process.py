"""The operator as a process of its own, with the intervals that it has by default."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import aiohttp

from bench.processes import cpu_seconds, memory
from tests.integration.ports import free_port

_START_SECONDS: Final = 120.0
_STOP_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.02
_SCRAPE_PAUSE: Final = 2
"""After a scrape of the metrics, the pause is so many times as long as the scrape took: it costs the operator time."""


class OperatorProcess:
    """The operator. It can be started again after `stop`."""

    def __init__(self, *, kubeconfig: Path, redis_url: str, directory: Path) -> None:
        self._port = free_port()
        self._log = directory / "operator.log"
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(directory),
            "PYTHONUNBUFFERED": "1",
            "PYTHONPYCACHEPREFIX": str(directory.parent / "bytecode"),  # kept, as in an image
            "MALLOC_ARENA_MAX": "1",
            "KUBECONFIG": str(kubeconfig),
            "SLUICE_INGESTER_IMAGE": "sluice:bench",
            "SLUICE_DEFAULT_REDIS_URL": redis_url,
            "SLUICE_PORT": str(self._port),
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process ID."""
        assert self._process is not None
        return self._process.pid

    @property
    def cpu_seconds(self) -> float:
        """The CPU time of the process since its start."""
        return cpu_seconds(self.pid)

    @property
    def memory(self) -> dict[str, float]:
        """Its resident memory and the peak of that, in MiB."""
        found = memory(self.pid)
        return {"RSS, MiB": found["VmRSS"] / 1024, "peak RSS, MiB": found["VmHWM"] / 1024}

    async def start(self) -> float:
        """Start it, and wait until it is ready. Returns the seconds from start to ready."""
        began = time.monotonic()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "sluice_operator"],
                env=self._environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        async with aiohttp.ClientSession() as session:
            while await _status(session, f"http://127.0.0.1:{self._port}/readyz") != 200:
                self.check()
                if time.monotonic() - began > _START_SECONDS:
                    sys.exit(f"the operator is not ready after {_START_SECONDS:g} s:\n{self.log_end}")
                await asyncio.sleep(_POLL_SECONDS)
        return time.monotonic() - began

    async def reconciles_and_depth(self) -> tuple[float, float]:
        """How many reconciles it has done, and how many resources are in its work queue.

        Waits in proportion to what the answer took, so that repeated calls take little of the operator's time.
        """
        began = time.monotonic()
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{self._port}/metrics") as answer:
            text = await answer.text()
        await asyncio.sleep(_SCRAPE_PAUSE * (time.monotonic() - began))
        counts = re.findall(r"^sluice_reconcile_total\{.*\} (\S+)$", text, re.MULTILINE)
        (depth,) = re.findall(r"^sluice_queue_depth (\S+)$", text, re.MULTILINE)
        return sum(map(float, counts)), float(depth)

    def check(self) -> None:
        """End the program if the operator has ended."""
        if self._process is None or self._process.poll() is not None:
            sys.exit(f"the operator has ended:\n{self.log_end}")

    @property
    def log_end(self) -> str:
        """The end of its log."""
        return self._log.read_text()[-3000:]

    def stop(self) -> float:
        """Stop it with SIGTERM, if it runs. Returns the seconds until it has ended."""
        began = time.monotonic()
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        return time.monotonic() - began


async def _status(session: aiohttp.ClientSession, url: str) -> int:
    try:
        async with session.get(url) as answer:
            return answer.status
    except aiohttp.ClientError:
        return 0
