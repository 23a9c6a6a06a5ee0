"""A subscription to an AT Protocol event stream: raw frames from a WebSocket.

A source may send no events for days. So pings, and not the absence of events, show whether the connection works.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from functools import partial

from sluice_ingester.byte_budget import ByteBudget
from sluice_ingester.sources.address import Address
from sluice_ingester.sources.connector import Connector
from sluice_ingester.sources.failure import SourceError, SourceFailure, classify_source_error
from sluice_ingester.sources.frame_connection import MAX_FRAME_BYTES, FrameConnection
from sluice_ingester.sources.tls import Tls

_logger = logging.getLogger("sluice_ingester.websocket")
_logger.setLevel(logging.CRITICAL)  # the pipeline logs failures


@dataclass(frozen=True, slots=True)
class Deadlines:
    """In seconds: to open a connection, between pings, for the answer to a ping, to close."""

    open: float = 15.0
    ping_interval: float = 20.0
    ping: float = 30.0
    close: float = 1.0


class FrameStream:
    """The frames of an open connection, as an async iterator. SourceError says why they ended.

    Each item has all frames that have arrived since the last one: at least one.
    """

    def __init__(self, websocket: FrameConnection, *, source: str, deadlines: Deadlines) -> None:
        self._websocket = websocket
        self._source = source
        self._deadlines = deadlines
        self._waiting = False
        self._failure: SourceFailure | None = None
        self._timer: asyncio.TimerHandle | None = None

    def __aiter__(self) -> AsyncIterator[deque[bytes]]:
        return self

    async def __anext__(self) -> deque[bytes]:
        self._waiting = True
        try:
            # No event stream has text messages. The decoder reports them.
            frames = await self._websocket.read_messages()
        except Exception as error:
            raise SourceError(self._failure or classify_source_error(error, source=self._source)) from error
        self._waiting = False
        return frames

    def pause(self) -> None:
        """Read nothing from the socket until the next frames are read."""
        self._websocket.pause()

    def start_pings(self) -> None:
        """Send pings from now on, and end the frames if the source does not answer one.

        A timer does this, and no task: a process may have hundreds of quiet connections.
        """
        self._timer = asyncio.get_running_loop().call_later(self._deadlines.ping_interval, self._ping)

    async def close(self) -> None:
        """Send no more pings, and close the connection."""
        if self._timer is not None:
            self._timer.cancel()
        self._websocket.release()
        if self._failure is None:
            await self._websocket.close()
        else:
            await self._websocket.close(1011, "ping timeout")

    def _ping(self) -> None:
        if self._websocket.send_ping(self._handle_pong):
            check = partial(self._check_pong, self._websocket.received)
            self._timer = asyncio.get_running_loop().call_later(self._deadlines.ping, check)

    def _handle_pong(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self.start_pings()

    def _check_pong(self, received: int) -> None:
        """End the frames if the ping was not answered.

        A pong may be late because frames before it are not read yet. So a missing pong counts only if the reader was
        waiting and received nothing.
        """
        is_read = self._waiting and not self._websocket.is_starved
        if is_read and self._websocket.received == received:
            self._failure = SourceFailure(
                "PingTimeout", f"{self._source} did not answer a ping in {self._deadlines.ping:g} s"
            )
            self._websocket.give_up()
        else:
            self.start_pings()


class Subscription:
    """An event stream of one source. It can be opened many times."""

    def __init__(
        self,
        address: Address,
        *,
        nsid: str,
        user_agent: str,
        tls: Tls | None,
        budget: ByteBudget | None = None,
        read_bytes: int = 256 * 1024,
        deadlines: Deadlines | None = None,
    ) -> None:
        """`budget` is that of the process. `read_bytes` is the size of one read: larger ones take less CPU time."""
        self.address = address
        self._nsid = nsid
        self._user_agent = user_agent
        self._tls = tls or Tls.load()
        self._budget = budget or ByteBudget()
        self._read_bytes = read_bytes
        self._deadlines = deadlines or Deadlines()

    @contextlib.asynccontextmanager
    async def open(self, *, cursor: str | None) -> AsyncGenerator[FrameStream]:
        """Connect, and return the frames from `cursor` on. SourceError if that fails.

        The socket is not read while frames wait for their reader. The kernel's buffers are enough for speed, and large
        frames must not accumulate. Compression is off, because it costs more CPU time than bandwidth.
        """
        source = self.address.host
        connecting = Connector(
            self.address.subscription(self._nsid, cursor=cursor),
            source=source,
            allow_plaintext=self.address.plaintext,
            tls=self._tls,
            budget=self._budget,
            read_bytes=self._read_bytes,
            user_agent_header=self._user_agent,
            compression=None,
            open_timeout=self._deadlines.open,
            close_timeout=self._deadlines.close,
            ping_interval=None,
            max_size=MAX_FRAME_BYTES,
            logger=_logger,
        )
        try:
            websocket = await connecting
        except Exception as error:
            named = self._tls.ca_variables
            raise SourceError(
                classify_source_error(error, source=source, hop=connecting.hop, ca_variables=named)
            ) from error
        assert isinstance(websocket, FrameConnection)  # noqa: S101 - the connector makes no other
        websocket.forget_headers()
        frames = FrameStream(websocket, source=source, deadlines=self._deadlines)
        frames.start_pings()
        try:
            yield frames
        finally:
            await asyncio.gather(frames.close(), return_exceptions=True)
