"""A TCP proxy before Redis that refuses requests above a size, as some compatible services do."""

import asyncio
import contextlib

from tests.integration.ingester.proxy import TcpProxy


class Capped(TcpProxy):
    """Refuses requests of more than `most` bytes.

    It answers with the message `words`; if that is empty, with one that names the limit. If it is None, it closes the
    connection. It forwards `allowed` requests of more than `large` bytes; further ones wait for ever.
    """

    def __init__(self, port: int, *, most: int, words: str | None = "", large: int = 4096) -> None:
        super().__init__(port)
        self._words = words
        self.most = most
        self.large = large
        self.allowed = float("inf")
        self.passed = 0
        self.refused: list[int] = []

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self.target)
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
            if self.passed >= self.allowed:
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
