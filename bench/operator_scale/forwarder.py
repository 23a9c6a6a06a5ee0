"""Passes TCP connections on to one server, unchanged, and counts their bytes. A process.

    python -m bench.operator_scale.forwarder 6443

It prints its own port. It answers each line of input with the bytes so far: to the server, and from the server.
"""

import asyncio
import json
import sys
from contextlib import suppress

from bench.operator_scale.standard_input import lines_of_input

_CHUNK = 2**16


class Forwarder:
    """The connections to one port of this machine."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.sent = self.received = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until one side closes it."""
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._port)
        ways = [self._pass(reader, server_writer, is_sent=True), self._pass(server_reader, writer, is_sent=False)]
        tasks = [asyncio.create_task(way) for way in ways]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        server_writer.close()
        writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_sent: bool) -> None:
        with suppress(ConnectionError):
            while chunk := await reader.read(_CHUNK):
                if is_sent:
                    self.sent += len(chunk)
                else:
                    self.received += len(chunk)
                writer.write(chunk)
                await writer.drain()


async def main() -> None:
    """Serve until the input ends."""
    forwarder = Forwarder(int(sys.argv[1]))
    server = await asyncio.start_server(forwarder.serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    async for _ in lines_of_input():
        print(json.dumps([forwarder.sent, forwarder.received]), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
