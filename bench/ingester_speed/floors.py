"""Measures what an ingester cannot do without: reading the source's bytes, and storing the events.

See `discard` and `appending`. A client that throws everything away is about as fast as the source: of its figures
read the CPU time.
"""

import json
import subprocess
import sys
from typing import Final

from bench.ingester_speed.processes import replay
from bench.ingester_speed.table import Measures

_PATIENCE_SECONDS: Final = 300
READERS: Final = {
    "frames": "socket, TLS, WebSocket: frames thrown away",
    "bytes": "socket, TLS: bytes thrown away",
    "openssl": "the same without an event loop",
    "websockets": "the WebSocket library alone, in the same event loop",
    "asyncio": "the WebSocket library alone, in asyncio's event loop",
}
"""The clients of `discard`, as the table names them."""


def measure_reading(client: str, *, events: int) -> Measures:
    """One run: a client that throws away what as many messages have."""
    with replay() as source:
        command = [sys.executable, "-m", "bench.ingester_speed.discard", client, source.url, str(source.certificate)]
        command += ["--bytes", str(int(events * source.message_bytes))]
        answer = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=_PATIENCE_SECONDS)
        spent = json.loads(answer.stdout)
        read = spent["bytes"] / source.message_bytes
        return {"CPU, us an event": 1e6 * spent["cpu"] / read, "events/s": read / spent["wall"]}
