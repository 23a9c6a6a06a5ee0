"""Many labelers in one process: they answer pings, and send a label now and then. A relay beside them may flood.

    uv run python -m bench.labelers --count 100 --rate 1
    uv run python -m bench.labelers --count 100 --rate 10 --flood commits --certificate server.pem --key server.key

Each source has its own port on 127.0.0.1. The process prints a line of JSON with their addresses: `labelers`, and
`relay`, which is null without `--flood`. It ends when its standard input is closed.

`--flood` is what the relay sends, as fast as it is read: `commits` of the network's shape, or `large` frames of nearly
5 MB.
"""

import argparse
import asyncio
import contextlib
import json
import random
import ssl
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection, serve

from bench.ingester_speed import corpus
from bench.ingester_speed.corpus import FIRST_SEQ
from bench.ingester_speed.messages import Messages
from e2e.relaysim import dagcbor, frames, websocket

_CHUNK_BYTES: Final = 256 * 1024
_LARGE_BYTES: Final = 4_900_000
_HIGHEST: Final = 10**9


def label_frame(seq: int, *, source: str = "labeler.test") -> bytes:
    """A frame with one label of `source`, whose `cts` is now."""
    label = {"ver": 1, "src": f"did:web:{source}", "uri": "did:web:subject.test", "val": "spam", "cts": _now()}
    return frames.header("#labels") + dagcbor.encode({"seq": seq, "labels": [label]})


def large_label_frame(seq: int, *, size: int) -> bytes:
    """A frame with one label that has `size` bytes in addition."""
    label = {"ver": 1, "src": "did:web:large.test", "uri": "did:web:s.test", "val": "x" * size, "cts": _now()}
    return frames.header("#labels") + dagcbor.encode({"seq": seq, "labels": [label]})


def large_frame(seq: int) -> bytes:
    """An #identity of nearly 5 MB."""
    body = {"seq": seq, "did": "did:web:large.test", "time": _now(), "handle": "x" * _LARGE_BYTES}
    return frames.header("#identity") + dagcbor.encode(body)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


class Labeler:
    """A labeler with at most one connection. `seq` is that of its newest label, at first `history`."""

    def __init__(self, history: int) -> None:
        self.seq = history
        self._socket: ServerConnection | None = None

    async def serve(self, socket: ServerConnection) -> None:
        """Send the labels behind the cursor, and keep the connection open until the client closes it."""
        for seq in range(_cursor(socket, default=self.seq) + 1, self.seq + 1):
            await socket.send(label_frame(seq))
        self._socket = socket
        await socket.wait_closed()

    async def send(self) -> None:
        """Send a label, if there is a connection."""
        if self._socket is not None:
            self.seq += 1
            with contextlib.suppress(Exception):
                await self._socket.send(label_frame(self.seq))


async def _flood_commits(socket: ServerConnection) -> None:
    messages = Messages(corpus.commits())
    seq = _cursor(socket, default=FIRST_SEQ - 1) + 1
    seq = max(seq, FIRST_SEQ)
    while True:
        chunk, seq = messages.take(seq, count=_HIGHEST, size=_CHUNK_BYTES)
        await _write(socket, bytes(chunk))


async def _flood_large(socket: ServerConnection) -> None:
    seq = _cursor(socket, default=0)
    while True:
        seq += 1
        frame = large_frame(seq)
        await _write(socket, websocket.head(len(frame)) + frame)


async def _write(socket: ServerConnection, data: bytes) -> None:
    """Write past the library, which would take more time than the client."""
    socket.transport.write(data)
    while socket.transport.get_write_buffer_size() > _CHUNK_BYTES:
        if socket.transport.is_closing():
            raise ConnectionError
        await asyncio.sleep(0.001)
    await asyncio.sleep(0)


def _cursor(socket: ServerConnection, *, default: int) -> int:
    assert socket.request is not None
    return int(parse_qs(urlsplit(socket.request.path).query).get("cursor", [str(default)])[0])


_FLOODS: Final = {"commits": _flood_commits, "large": _flood_large}


async def _run(options: argparse.Namespace) -> None:
    context = None
    if options.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.certificate, options.key)
    scheme = "wss" if context else "ws"

    async def listen(handler: Callable[[ServerConnection], Awaitable[None]]) -> str:
        server = await serve(
            handler, "127.0.0.1", 0, ssl=context, compression=None, ping_interval=None, write_limit=_CHUNK_BYTES
        )
        return f"{scheme}://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"

    labelers = [Labeler(options.history) for _ in range(options.count)]
    addresses = [await listen(labeler.serve) for labeler in labelers]
    relay = await listen(_FLOODS[options.flood]) if options.flood else None
    print(json.dumps({"labelers": addresses, "relay": relay}), flush=True)
    end = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    rng = random.Random("labelers")
    while not end.done():
        await asyncio.wait({end}, timeout=1 / options.rate)
        await rng.choice(labelers).send()


def main() -> None:
    """Serve until standard input is closed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--history", type=int, default=0, help="labels of each labeler at the start")
    parser.add_argument("--rate", type=float, default=1.0, help="labels a second, of all labelers together")
    parser.add_argument("--flood", choices=list(_FLOODS))
    parser.add_argument("--certificate", type=Path, help="the servers', PEM; without it there is no TLS")
    parser.add_argument("--key", type=Path, help="its private key, PEM")
    asyncio.run(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
