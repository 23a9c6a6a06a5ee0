"""A client that reads a stream and throws it away: what the way from the socket costs. A process of its own.

    uv run python -m bench.ingester_speed.discard frames wss://127.0.0.1:8443 server.pem --bytes 500_000_000

- `frames`: the ingester's own subscription, without what it does with a frame
- `bytes`: TLS in the ingester's event loop, without its WebSocket
- `openssl`: a blocking socket with TLS, without an event loop
- `websockets`: the library alone, in the ingester's event loop
- `asyncio`: the library alone, in asyncio's own event loop
- `picows`: another library, if it is installed: `uv run --with picows ...`

It prints one line of JSON: CPU time and time by the clock, in seconds, and bytes. The first tenth does not count.
"""

import argparse
import asyncio
import importlib
import json
import os
import socket
import ssl
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlsplit

import aiofastnet
import websockets

from bench.ingester_speed.corpus import FIRST_SEQ
from sluice_ingester.malloc import configure_malloc
from sluice_ingester.sources.address import Address
from sluice_ingester.sources.subscription import Subscription
from sluice_ingester.sources.tls import Tls
from sluice_wire.firehose import NSID

_BUFFER_BYTES: Final = 256 * 1024
_HANDSHAKE: Final = (
    b"GET /xrpc/%s?cursor=%d HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n" % (NSID.encode(), FIRST_SEQ - 1)
)


class Meter:
    """Counts bytes. When it has `total` of them, it prints what they cost, and ends the process."""

    def __init__(self, total: int) -> None:
        self._begin = total // 10
        self._end = total
        self._bytes = 0
        self._began: tuple[float, float, int] | None = None

    def add(self, count: int) -> None:
        """Count bytes that were read."""
        self._bytes += count
        if self._bytes < self._begin:
            return
        if self._began is None:
            self._began = time.process_time(), time.monotonic(), self._bytes
        elif self._bytes >= self._end:
            cpu, wall, before = self._began
            spent = {"cpu": time.process_time() - cpu, "wall": time.monotonic() - wall, "bytes": self._bytes - before}
            print(json.dumps(spent), flush=True)
            os._exit(0)


class _Discarding(asyncio.Protocol):
    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).write(_HANDSHAKE)

    def data_received(self, data: bytes) -> None:
        self._meter.add(len(data))


async def _read_frames(url: str, tls: Tls, meter: Meter) -> None:
    subscription = Subscription(Address.parse(url), nsid=NSID, user_agent="bench", tls=tls)
    async with subscription.open(cursor=str(FIRST_SEQ - 1)) as stream:
        async for frames in stream:
            meter.add(sum(map(len, frames)))
            frames.clear()


async def _read_bytes(url: str, tls: Tls, meter: Meter) -> None:
    host, port = _host_port(url)
    await asyncio.get_running_loop().create_connection(lambda: _Discarding(meter), host, port, ssl=tls.context)
    await asyncio.Event().wait()


async def _read_messages(url: str, tls: Tls, meter: Meter) -> None:
    options = {"compression": None, "ping_interval": None, "max_queue": (0, 0)}
    async with websockets.connect(_subscription(url), ssl=tls.context, **options) as connection:  # type: ignore[arg-type]
        while True:
            meter.add(len(await connection.recv(decode=False)))


async def _read_with_picows(url: str, tls: Tls, meter: Meter) -> None:
    picows: Any = importlib.import_module("picows")
    listener = type(
        "Listener",
        (picows.WSListener,),
        {"on_ws_frame": lambda _self, _transport, frame: meter.add(len(frame.get_payload_as_bytes()))},
    )
    transport, _ = await picows.ws_connect(listener, _subscription(url), ssl_context=tls.context)
    await transport.wait_disconnected()


def _subscription(url: str) -> str:
    return Address.parse(url).subscription(NSID, cursor=str(FIRST_SEQ - 1))


def _read_socket(url: str, context: ssl.SSLContext, meter: Meter) -> None:
    host, port = _host_port(url)
    buffer = bytearray(_BUFFER_BYTES)
    with (
        socket.create_connection((host, port)) as plain,
        context.wrap_socket(plain, server_hostname=host) as connection,
    ):
        connection.sendall(_HANDSHAKE)
        while received := connection.recv_into(buffer):
            meter.add(received)


def _host_port(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    return parts.hostname, parts.port


_READERS: Final[dict[str, Callable[[str, Tls, Meter], Awaitable[None]]]] = {
    "frames": _read_frames,
    "bytes": _read_bytes,
    "websockets": _read_messages,
    "picows": _read_with_picows,
}


def main() -> None:
    """Read."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=["openssl", "asyncio", *_READERS])
    parser.add_argument("url", help="of a replay")
    parser.add_argument("certificate", type=Path, help="the file to trust, PEM")
    parser.add_argument("--bytes", type=int, required=True, help="how many bytes to read")
    options = parser.parse_args()
    configure_malloc()
    tls, meter = Tls.load(options.certificate), Meter(options.bytes)
    if options.what == "openssl":
        _read_socket(options.url, tls.context, meter)
    elif options.what == "asyncio":
        asyncio.run(_read_messages(options.url, tls, meter))
    else:
        read = _READERS[options.what]
        aiofastnet.loop_factory()().run_until_complete(read(options.url, tls, meter))
    sys.exit("the source ended the stream too early")


if __name__ == "__main__":
    main()
