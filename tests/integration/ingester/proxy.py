"""A TCP proxy that loses answers: what the client asked for is done, and the client never hears."""

import asyncio
import contextlib
from types import TracebackType
from typing import Self


class Proxy:
    """Stands before the server at `port`; `url` is a Redis URL through it."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._server: asyncio.Server
        self._tasks: set[asyncio.Task[None]] = set()
        self.lose_answers_to = b""
        self.lost = 0

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

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
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
