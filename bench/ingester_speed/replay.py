"""A source that costs next to nothing: it replays a corpus of prepared messages over TLS. A process of its own.

    uv run python -m bench.ingester_speed.replay --certificate server.pem --key server.key
    uv run python -m bench.ingester_speed.replay --certificate server.pem --key server.key --rate 350
    uv run python -m bench.ingester_speed.replay --certificate server.pem --key server.key --stream labels

The simulated relay spends more on an event than the ingester does, and would be what is measured. This one spends some
5 us on an event: it replaces seq, time and record key in place, and OpenSSL encrypts large pieces of memory.

It prints one line of JSON: its URL, and the mean size of a message. It serves one connection at a time, with

- the messages behind `?cursor=`, without a cursor from the next one on; `time` is when a message is sent
- as many as the client takes, at most `--limit`; with `--rate` so many a second, counted from the first connection, so
  that a client that was away gets what it has missed at once
- pages of `com.atproto.sync.listRepos`, with `--stream repos`

It ends with SIGTERM, or when its standard input is closed.
"""

import argparse
import base64
import contextlib
import hashlib
import json
import os
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from bench.ingester_speed import corpus
from bench.ingester_speed.corpus import FIRST_SEQ
from bench.ingester_speed.messages import Messages

_CHUNK_BYTES: Final = 256 * 1024
_TICK_SECONDS: Final = 0.005
_NO_LIMIT: Final = 10**12
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_CLOSE, _PING = 0x8, 0x9
_END_OF_HEAD: Final = b"\r\n\r\n"


class ClosedError(Exception):
    """The client has closed the connection."""


class WebSocketReplay:
    """Serves messages. `rate` is in messages a second, None for as many as the client takes."""

    def __init__(self, messages: Messages, *, rate: float | None, limit: int) -> None:
        self._messages = messages
        self._rate = rate
        self._limit = limit
        self._started: float | None = None
        self._received = b""

    def serve(self, connection: ssl.SSLSocket) -> None:
        """Answer the handshake, then send until the client is gone. ClosedError or OSError."""
        head, self._received = _read_head(connection)
        query = parse_qs(urlsplit(head.split(b" ", 2)[1].decode()).query)
        key = next(
            line.split(b":")[1].strip() for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key")
        )
        accept = base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())
        connection.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + _END_OF_HEAD
        )
        if self._started is None:
            self._started = time.monotonic()
        seq = max(int(query["cursor"][0]) + 1, FIRST_SEQ) if "cursor" in query else FIRST_SEQ + self._due()
        while True:
            end = FIRST_SEQ + self._due()
            while seq < end:
                chunk, seq = self._messages.take(seq, count=end - seq, size=_CHUNK_BYTES)
                connection.sendall(chunk)
                self._answer(connection, wait=0.0)
            self._answer(connection, wait=_TICK_SECONDS if self._rate else 1.0)

    def _due(self) -> int:
        """How many messages there are by now."""
        if self._rate is None or self._started is None:
            return self._limit
        return min(self._limit, int((time.monotonic() - self._started) * self._rate))

    def _answer(self, connection: ssl.SSLSocket, *, wait: float) -> None:
        """Answer pings, and a close frame. `wait` for them for so many seconds."""
        if not connection.pending() and not select.select([connection], [], [], wait)[0]:
            return
        received = connection.recv(4096)
        if not received:
            raise ClosedError
        self._received += received
        while len(self._received) >= 6:
            # A control frame of a client: opcode, size below 126, four bytes of mask, payload.
            opcode, size = self._received[0] & 0x0F, self._received[1] & 0x7F
            if len(self._received) < 6 + size:
                return
            mask, payload = self._received[2:6], self._received[6 : 6 + size]
            self._received = self._received[6 + size :]
            plain = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
            if opcode == _CLOSE:
                connection.sendall(bytes((0x88, size)) + plain)
                raise ClosedError
            if opcode == _PING:
                connection.sendall(bytes((0x8A, size)) + plain)


class PagesReplay:
    """Serves pages without end. Their cursors count the pages."""

    def __init__(self, pages: list[bytes]) -> None:
        self._pages = [bytearray(page) for page in pages]

    def serve(self, connection: ssl.SSLSocket) -> None:
        """Answer requests until the client is gone. ClosedError or OSError."""
        while True:
            head, _ = _read_head(connection)
            query = parse_qs(urlsplit(head.split(b" ", 2)[1].decode()).query)
            number = int(query.get("cursor", ["0"])[0])
            page = self._pages[number % len(self._pages)]
            at = page.index(b'"cursor":"') + len(b'"cursor":"')
            page[at : at + 10] = b"%010d" % (number + 1)
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(page)
            )
            connection.sendall(page)


def _read_head(connection: ssl.SSLSocket) -> tuple[bytes, bytes]:
    """The head of an HTTP request, and what came behind it."""
    received = b""
    while _END_OF_HEAD not in received:
        more = connection.recv(65536)
        if not more:
            raise ClosedError
        received += more
    head, _, rest = received.partition(_END_OF_HEAD)
    return head, rest


def main() -> None:
    """Prepare the messages, then serve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--certificate", type=Path, required=True, help="the server's, PEM")
    parser.add_argument("--key", type=Path, required=True, help="the private key, PEM")
    parser.add_argument("--stream", choices=["firehose", "labels", "repos"], default="firehose")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--rate", type=float, help="messages a second; without it as many as the client takes")
    parser.add_argument("--limit", type=int, default=_NO_LIMIT, help="messages")
    options = parser.parse_args()
    serve: Callable[[ssl.SSLSocket], None]
    if options.stream == "repos":
        pages = corpus.pages()
        size = sum(map(len, pages)) / len(pages)
        serve = PagesReplay(pages).serve
    else:
        messages = Messages(corpus.commits() if options.stream == "firehose" else corpus.labels())
        size = messages.mean_bytes
        serve = WebSocketReplay(messages, rate=options.rate, limit=options.limit).serve
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(options.certificate, options.key)
    with socket.create_server(("127.0.0.1", options.port)) as listener:
        scheme = "https" if options.stream == "repos" else "wss"
        url = f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"
        print(json.dumps({"url": url, "message_bytes": size}), flush=True)
        threading.Thread(target=_end_with_parent, daemon=True).start()
        while True:
            _serve_one(listener, context, serve)


def _serve_one(listener: socket.socket, context: ssl.SSLContext, serve: Callable[[ssl.SSLSocket], None]) -> None:
    plain, _ = listener.accept()
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with contextlib.suppress(OSError, ClosedError), plain, context.wrap_socket(plain, server_side=True) as connection:
        cipher = connection.cipher()
        assert cipher is not None
        assert "AES" in cipher[0], f"the client chose {cipher[0]}, which is slower"
        serve(connection)


def _end_with_parent() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)


if __name__ == "__main__":
    main()
