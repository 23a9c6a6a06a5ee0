"""Sources that are sick in one way each, for a process that reads healthy ones beside them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis
from websockets.asyncio.server import ServerConnection

from bench.labelers import large_label_frame
from e2e.relaysim import websocket
from tests.integration.ingester.labeler_hosts import LabelerHost
from tests.integration.ports import free_port

FRAME_BYTES = 4_900_000
KINDS = ("refuses", "silent handshake", "half a frame", "floods", "large frames", "wrong keys", "future cursor")


async def _send_half_a_frame(socket: ServerConnection) -> None:
    """The header of a frame of 5 MB, half of it, and then nothing."""
    socket.transport.write(websocket.head(FRAME_BYTES) + bytes(FRAME_BYTES // 2))
    await socket.wait_closed()


async def _flood(socket: ServerConnection) -> None:
    frames = _chunk([large_label_frame(seq, size=1) for seq in range(1, 500)])
    while not socket.transport.is_closing():
        socket.transport.write(frames)
        await _drain(socket)


async def _send_large_frames(socket: ServerConnection) -> None:
    seq = 0
    while not socket.transport.is_closing():
        seq += 1
        socket.transport.write(_chunk([large_label_frame(seq, size=FRAME_BYTES)]))
        await _drain(socket)


def _chunk(frames: list[bytes]) -> bytes:
    return b"".join(websocket.head(len(frame)) + frame for frame in frames)


async def _drain(socket: ServerConnection) -> None:
    """The socket is written past the library, so wait here until it takes more."""
    while socket.transport.get_write_buffer_size() > 2**16 and not socket.transport.is_closing():
        await asyncio.sleep(0.002)
    await asyncio.sleep(0)


@asynccontextmanager
async def sick_source(kind: str, client: Redis) -> AsyncIterator[LabelerHost]:
    """A labeler that is sick as `kind` says."""
    serve = {"half a frame": _send_half_a_frame, "floods": _flood, "large frames": _send_large_frames}.get(kind)
    made = LabelerHost(serve)
    if kind == "refuses":
        made.host = f"127.0.0.1:{free_port()}"
        yield made
        return
    if kind == "silent handshake":
        async with await asyncio.start_server(_say_nothing, "127.0.0.1", 0) as server:
            made.host = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
            yield made
        return
    await made.start()
    if kind == "wrong keys":
        await client.hset(f"label_live:cursor:{made.host}", "not", "a string")
        await client.set(f"label_live:health:{made.host}", "no hash")
    if kind == "future cursor":
        await client.set(f"label_live:cursor:{made.host}", "no number")
    try:
        yield made
    finally:
        await made.stop()


async def _say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.read(4096):
        pass
    writer.close()
