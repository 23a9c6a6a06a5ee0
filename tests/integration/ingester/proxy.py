"""TCP proxies between Redis and its clients that cause the faults of networks and services."""

import asyncio
import contextlib
from types import TracebackType
from typing import Self


class TcpProxy:
    """A proxy before the server at `port`. `url` is a Redis URL through it. Subclasses implement `relay`."""

    def __init__(self, port: int) -> None:
        self.target = port
        self._server: asyncio.Server
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection of a client."""
        raise NotImplementedError

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await self.relay(reader, writer)


class Proxy(TcpProxy):
    """Loses answers: the server executes the command, and the connection breaks before the client has the answer."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.lose_answers_to = b""
        self.lost = 0

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self.target)
        try:
            while data := await reader.read(1 << 20):
                cut = bool(self.lose_answers_to) and self.lose_answers_to in data
                back.write(data)
                await back.drain()
                answer = await there.read(1 << 16)
                while not answer.endswith(b"\r\n"):
                    answer += await there.read(1 << 16)
                if cut:
                    self.lost += 1
                    return
                writer.write(answer)
        finally:
            for end in (writer, back):
                end.close()
                with contextlib.suppress(OSError):
                    await end.wait_closed()
