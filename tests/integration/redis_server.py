"""A real redis-server for tests, which they start, kill and start again on one port."""

import contextlib
import shutil
import subprocess
import time
from pathlib import Path

import redis
import redis.asyncio

from tests.integration.ports import free_port

BINARY = shutil.which("redis-server") or shutil.which("valkey-server")
PATIENCE = 60.0
"""Seconds. With its default of 5 a client would retry a command on a busy machine, and execute it twice."""


class RedisServer:
    """One server process with its data in `directory`. `url` stays the same across restarts."""

    def __init__(self, directory: Path, **config: str) -> None:
        self._directory = directory
        self._config = config
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    @property
    def client(self) -> "redis.Redis":
        return redis.Redis(
            port=self.port,
            password=self._config.get("requirepass"),
            decode_responses=True,
            socket_timeout=PATIENCE,
            socket_connect_timeout=PATIENCE,
        )

    def connect(self) -> "redis.asyncio.Redis":
        """An asynchronous client that returns bytes."""
        return redis.asyncio.Redis.from_url(self.url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE)

    def start(self) -> None:
        options = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": str(self._directory),
            "save": "",
            "maxmemory-policy": "noeviction",
            **self._config,
        }
        command = [str(BINARY), *(part for name, value in options.items() for part in (f"--{name}", value))]
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while True:
            try:
                self.client.ping()
            except redis.ConnectionError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise RuntimeError((self._directory / "log").read_text()[-2000:]) from None
                time.sleep(0.02)
            else:
                return

    def kill(self) -> None:
        """Kill the process, as a power cut does: nothing is flushed."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def lose_tail(self, size: int) -> None:
        """Cut the newest `size` bytes off the append-only file, as a power cut does. The server must be down."""
        newest = max((self._directory / "appendonlydir").glob("*.incr.aof"))
        with newest.open("r+b") as file:
            file.truncate(max(0, newest.stat().st_size - size))

    def repair(self) -> None:
        """Remove an incomplete transaction from the end of the append-only file. The server must be down.

        Redis itself (aof-load-truncated) cuts inside the transaction and not before it. The next restart would
        restore the first half of the transaction: see valkey-io/valkey#4342.
        """
        manifest = self._directory / "appendonlydir" / "appendonly.aof.manifest"
        subprocess.run(["redis-check-aof", "--fix", str(manifest)], input=b"y\n", check=True, capture_output=True)

    def pause(self, *, seconds: float) -> None:
        """Answer nothing for `seconds`. Connections stay open."""
        with contextlib.closing(self.client) as client:
            client.client_pause(int(seconds * 1000))
