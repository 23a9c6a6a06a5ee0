"""A way to Redis that takes no request above a size, as services do that speak its protocol."""

import asyncio
import contextlib
from types import TracebackType
from typing import Self


class Capped:
    """Stands before the server at `port`; `url` is a Redis URL through it.

    A request of more than `most` bytes is refused in `words`, or if there are none, by closing the connection.
    `let` is how many requests above `large` bytes are let through; those behind wait for ever.
    """

    def __init__(self, port: int, *, most: int, words: str | None = "", large: int = 4096) -> None:
        self._target = port
        self._words = words
        self._server: asyncio.Server
        self._tasks: set[asyncio.Task[None]] = set()
        self.most = most
        self.large = large
        self.let = float("inf")
        self.passed = 0
        self.refused: list[int] = []

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
        answers = asyncio.create_task(_pump(there, writer))
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while line := await reader.readline():
                    if not await self._request(line, reader, back, writer):
                        break
        finally:
            answers.cancel()
            back.close()
            writer.close()

    async def _request(
        self, line: bytes, reader: asyncio.StreamReader, back: asyncio.StreamWriter, writer: asyncio.StreamWriter
    ) -> bool:
        parts = [line]
        for _ in range(int(line[1:])):
            head = await reader.readline()
            parts += [head, await reader.readexactly(int(head[1:]) + 2)]
        request = b"".join(parts)
        if len(request) > self.most:
            self.refused.append(len(request))
            if self._words is None:
                return False
            words = self._words or "max request size exceeded. Limit: {most} bytes, Actual: {size} bytes."
            writer.write(f"-ERR {words.format(most=self.most, size=len(request))}\r\n".encode())
            return True
        if len(request) > self.large:
            if self.passed >= self.let:
                await asyncio.Event().wait()
            self.passed += 1
        back.write(request)
        await back.drain()
        return True


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    target.close()
