"""Starts the process of the labelers, and tells it what to do."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from cryptography.hazmat.primitives import serialization

from e2e.cluster.certs import Leaf, issue, make_authority


class Labelers:
    """The labelers by their number. Their commands are those of `__main__`."""

    def __init__(self, process: subprocess.Popen[str], *, host: str, authority: str) -> None:
        self.authority = authority
        """The certificate of the CA that has signed that of the servers, in PEM."""
        self._input, self._output = cast("IO[str]", process.stdin), cast("IO[str]", process.stdout)
        self.hosts = [f"{host}:{port}" for port in json.loads(self._output.readline())]
        """HOST in the names of keys in Redis."""

    def tell(self, command: str, *arguments: object) -> Any:
        """Give a command. Returns its answer."""
        self._input.write(json.dumps([command, *arguments]) + "\n")
        self._input.flush()
        return json.loads(self._output.readline())


@contextmanager
def running_labelers(count: int, *, host: str, directory: Path) -> Iterator[Labelers]:
    """So many labelers that listen on the address `host`, with TLS. Their certificate is put into `directory`."""
    authority = make_authority()
    certificate, key = issue(authority, Leaf(file="labelers", user="labelers", names=(host,)))
    files = {"certificate": directory / "server.pem", "key": directory / "server.key"}
    files["certificate"].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files["key"].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    command = [sys.executable, "-m", "e2e.tests.labelers", "--host", host, "--count", str(count)]
    command += [part for option, file in files.items() for part in (f"--{option}", str(file))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            pem = authority.certificate.public_bytes(serialization.Encoding.PEM).decode()
            yield Labelers(process, host=host, authority=pem)
        finally:
            process.kill()
