"""A real redis-server for tests: started on a free port, killed and started again at will."""

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
"""Seconds. After 5 of its own accord a client would ask again, and a command be done twice on a busy machine."""


class RedisServer:
    """One server process with its data in `directory`; `url` stays the same over restarts."""

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
        )

    def connect(self) -> "redis.asyncio.Redis":
        """An asynchronous client, of bytes."""
        return redis.asyncio.Redis.from_url(self.url, socket_timeout=PATIENCE)

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
        """As the power cut does it: nothing is flushed."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def lose_tail(self, size: int) -> None:
        """While killed: lose the newest bytes of the append-only file, as a power cut does."""
        newest = max((self._directory / "appendonlydir").glob("*.incr.aof"))
        with newest.open("r+b") as file:
            file.truncate(max(0, newest.stat().st_size - size))

    def repair(self) -> None:
        """While killed: take a torn transaction off the end of the append-only file.

        Redis itself (aof-load-truncated) cuts inside the transaction and not before it, so that the
        next restart would bring the torn half back (valkey-io/valkey#4342 tells the story).
        """
        manifest = self._directory / "appendonlydir" / "appendonly.aof.manifest"
        subprocess.run(["redis-check-aof", "--fix", str(manifest)], input=b"y\n", check=True, capture_output=True)

    def pause(self, *, seconds: float) -> None:
        """Answer nothing for a while; the connections stay."""
        with contextlib.closing(self.client) as client:
            client.client_pause(int(seconds * 1000))
