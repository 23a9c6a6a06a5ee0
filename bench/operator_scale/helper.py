"""A helper process of a measurement, with lines to and from it: the player, the floor, the forwarder."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

from bench.processes import cpu_seconds

_LONGEST_LINE: Final = 2**24
_STOP_SECONDS: Final = 5.0


class Helper:
    """A running helper."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin
        assert process.stdout
        self._process = process
        self._stdin, self._stdout = process.stdin, process.stdout

    @property
    def pid(self) -> int:
        """The process ID."""
        return self._process.pid

    @property
    def cpu_seconds(self) -> float:
        """Its CPU time."""
        return cpu_seconds(self.pid)

    async def line(self) -> str:
        """Its next line. Ends the program if the helper has ended."""
        if not (line := await self._stdout.readline()):
            sys.exit("a helper process ended too early: its error is above")
        return line.decode().strip()

    async def ask(self, **command: Any) -> Any:
        """Send a command, and wait for its answer."""
        self._stdin.write(json.dumps(command).encode() + b"\n")
        await self._stdin.drain()
        return json.loads(await self.line())

    async def stop(self) -> None:
        """Close its input, at which it ends. Kill it if it does not."""
        self._stdin.close()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await self._process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()


@asynccontextmanager
async def helper(module: str, *arguments: str, environment: Mapping[str, str] | None = None) -> AsyncIterator[Helper]:
    """Run a module of this package as a process. Ctrl-C does not reach it: it ends with its input."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"bench.operator_scale.{module}", *arguments,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=_LONGEST_LINE,
        env={**os.environ, **(environment or {})}, cwd=Path(__file__).parents[2], start_new_session=True,
    )  # fmt: skip
    running = Helper(process)
    try:
        yield running
    finally:
        await running.stop()


def end_on_signals() -> None:
    """Let SIGTERM end this process as Ctrl-C does, with all that it has started.

    Without this, a process that a shell has started in the background ignores the signal of Ctrl-C.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
