"""The processes of a measurement: the source, the ingester."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.ingester_speed.versions import Version
from tests.integration.ingester.certificate import make_certificate
from tests.integration.redis_server import RedisServer

_STOP_SECONDS: Final = 20


@dataclass(frozen=True)
class Source:
    """A running replay. `certificate` is the file to trust. `message_bytes` is the mean size of a message."""

    url: str
    certificate: Path
    pid: int
    message_bytes: float


@contextmanager
def replay(*arguments: str) -> Iterator[Source]:
    """Run a source as a process. See `bench.ingester_speed.replay`."""
    with tempfile.TemporaryDirectory() as directory:
        certificate = make_certificate(Path(directory))
        command = [sys.executable, "-m", "bench.ingester_speed.replay"]
        command += ["--certificate", str(certificate.chain), "--key", str(certificate.key), *arguments]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout
            try:
                line = process.stdout.readline()
                if not line:
                    sys.exit("the source ended at its start")
                yield Source(certificate=certificate.chain, pid=process.pid, **json.loads(line))
            finally:
                process.kill()


class Ingester:
    """An ingester process, with settings for the stream that it reads."""

    def __init__(self, version: Version, *, server: RedisServer, source: Source, settings: Mapping[str, str]) -> None:
        self._version = version
        self._environment = ingester_environment(version) | {
            "REDIS_URL": server.url,
            "INGESTER_CA_BUNDLE": str(source.certificate),
            "INGESTER_COLLECTIONS": "*",
            "INGESTER_HIGH_WATER_MARK": "100000000",
            **settings,
        }
        self.start()

    def start(self) -> None:
        """Start the process. After `kill`, start another one."""
        self._process = subprocess.Popen(self._version.command, env=self._environment)

    @property
    def pid(self) -> int:
        """The process ID."""
        return self._process.pid

    def check(self) -> None:
        """End the program if the ingester has ended."""
        if self._process.poll() is not None:
            sys.exit(f"the ingester of {self._version.name} ended with {self._process.returncode}")

    def kill(self) -> None:
        """Kill the process without a warning."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Stop the process, and wait for its end."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()


@contextmanager
def ingester(
    version: Version, *, server: RedisServer, source: Source, settings: Mapping[str, str]
) -> Iterator[Ingester]:
    """Run an ingester."""
    running = Ingester(version, server=server, source=source, settings=settings)
    try:
        yield running
    finally:
        running.stop()


def compile_bytecode(version: Version) -> None:
    """Start the version once, so that its byte code is there, as in the image."""
    subprocess.run(
        [*version.command, "--version"], env=ingester_environment(version), stdout=subprocess.DEVNULL, check=True
    )


def ingester_environment(version: Version) -> dict[str, str]:
    """Of an ingester in its image. Settings and proxies of the caller are left out."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "TMPDIR"}}
    return kept | version.environment | {"MALLOC_ARENA_MAX": "1", "METRICS_PORT": "0", "LOG_LEVEL": "error"}
