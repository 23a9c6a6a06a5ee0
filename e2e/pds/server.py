"""Runs the reference PDS as a child process that can't outlive its parent."""

import json
import os
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, Self

from e2e.pds.client import Client
from e2e.pds.install import HERE, ensure_installed, node

START_SECONDS: Final = 180
STOP_SECONDS: Final = 10


class PdsError(Exception):
    """The PDS didn't start; the message holds the end of its log."""


class ReferencePds:
    """A context manager: an empty reference PDS, with its own PLC directory in memory.

    It listens on `host`, an address of this machine (`0.0.0.0`: all addresses), at `port` (0: a free one). It accepts
    requests for any host name. Its data is deleted when the context ends.
    """

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.host = host
        self.port = port
        self.version = ""
        self.pid = 0
        self.data = Path()
        self.client = Client("")

    @property
    def address(self) -> str:
        """`host:port`, which is also the HOST in the Redis keys of an ingester that reads from it."""
        return f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The base of its HTTP API."""
        return f"http://{self.address}"

    @property
    def websocket(self) -> str:
        """The value of INGESTER_RELAY_HOSTS or of a Relay's `spec.host` that reads from it."""
        return f"ws://{self.address}"

    def __enter__(self) -> Self:
        installed = ensure_installed()
        with ExitStack() as stack:
            self.data = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sluice-pds-")))
            process = self._spawn(installed, self.data)
            stack.callback(_stop, process)
            ready = _first_line(process, log=self.data / "log")
            self.pid = process.pid
            self.port = ready["port"]
            self.version = ready["version"]
            reached = "127.0.0.1" if self.host == "0.0.0.0" else self.host
            self.client = Client(f"http://{reached}:{self.port}", admin_password=ready["adminPassword"])
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _spawn(self, installed: Path, data: Path) -> subprocess.Popen[bytes]:
        with (data / "log").open("wb") as log:
            return subprocess.Popen(
                [
                    node(installed),
                    HERE / "server.mjs",
                    *("--modules", installed),
                    *("--data", data),
                    *("--host", self.host),
                    *("--port", str(self.port)),
                ],
                env=_environment(log=data / "log"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )


def _environment(*, log: Path) -> dict[str, str]:
    """The environment of this process without what would change the PDS, such as a proxy to its own PLC."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.lower().endswith("_proxy") and not name.startswith(("NODE_", "PDS_", "LOG_"))
    }
    return kept | {"LOG_ENABLED": "true", "LOG_LEVEL": "warn", "LOG_DESTINATION": str(log)}


def _first_line(process: subprocess.Popen[bytes], *, log: Path) -> dict[str, Any]:
    """The line that the server prints when it serves."""
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    deadline = time.monotonic() + START_SECONDS
    line = b""
    while not line.endswith(b"\n"):
        line += process.stdout.read() or b""
        if process.poll() is not None or time.monotonic() > deadline:
            tail = log.read_text(errors="replace")[-4000:]
            raise PdsError(f"the reference PDS did not start; the end of its log:\n{tail}")
        time.sleep(0.02)
    ready: dict[str, Any] = json.loads(line)
    return ready


def _stop(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()
