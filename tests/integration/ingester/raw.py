"""Servers that answer with arbitrary bytes."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable

Answer = Callable[[bytes], bytes]


@contextlib.asynccontextmanager
async def answering(answer: bytes | Answer, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The port of a server that answers each request with `answer` and keeps the connection open."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                request = await reader.readuntil(b"\r\n\r\n")
                writer.write(answer if isinstance(answer, bytes) else answer(request))
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def page(*headers: bytes) -> bytes:
    body = b'{"repos":[]}'
    return b"\r\n".join([b"HTTP/1.1 200 OK", *headers, b"Content-Length: %d" % len(body), b"", body])


def redirect(place: bytes) -> Answer:
    """A redirect to the same path at another address."""
    return lambda request: (
        b"HTTP/1.1 302 Found\r\nLocation: " + place + request.split(b" ")[1] + b"\r\nContent-Length: 0\r\n\r\n"
    )
