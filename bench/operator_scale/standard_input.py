"""The lines of the standard input of a helper process, as they arrive."""

import asyncio
import sys
from collections.abc import AsyncIterator


async def lines_of_input() -> AsyncIterator[bytes]:
    """Each line. It ends when the other side closes the pipe, also because it has ended."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async for line in reader:
        yield line
