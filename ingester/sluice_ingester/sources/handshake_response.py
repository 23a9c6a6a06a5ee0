"""A lenient parser for the HTTP response to a WebSocket handshake.

Load balancers answer with HTTP/1.0, without a reason, or with long or malformed headers. Only the status and
Retry-After of a refusal matter, so everything else is accepted. For a response that accepts the connection, the
WebSocket library checks what the protocol demands.
"""

import re
from collections.abc import Generator
from typing import Final

from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake, InvalidMessage
from websockets.http11 import Response
from websockets.protocol import Protocol, State
from websockets.streams import StreamReader

MAX_LINE: Final = 64 * 1024
"""The most bytes of a header line."""
MAX_HEADERS: Final = 256 * 1024
"""The most bytes of all header lines."""

_STATUS: Final = re.compile(rb"HTTP/[0-9](?:\.[0-9])?[ \t]+([1-9][0-9]{2})(?:[ \t]+([^\r\n]*))?[ \t]*\r?\n")
_SWITCHING: Final = 101
_MAX_BLANK_LINES: Final = 4
_MAX_INTERIM_RESPONSES: Final = 8


class ResponseError(ValueError):
    """The bytes are not an HTTP response."""


class HeadersTooLargeError(ResponseError):
    """A header line exceeds MAX_LINE, or all of them together exceed MAX_HEADERS."""


def parse_response(protocol: ClientProtocol) -> Generator[None]:
    """A parser that replaces that of `protocol`: first the response, then frames. Never raises."""
    try:
        response = yield from _read_response(protocol.reader)
    except (EOFError, ResponseError) as error:
        refusal = InvalidMessage(str(error))
        refusal.__cause__ = error
        yield from _refuse(protocol, refusal)
        return
    try:
        protocol.process_response(response)
    except InvalidHandshake as error:
        protocol.events.append(response)
        yield from _refuse(protocol, error)
        return
    protocol.state = State.OPEN
    protocol.events.append(response)
    yield  # the connection takes the frames that have come with the response
    yield from Protocol.parse(protocol)


def _refuse(protocol: ClientProtocol, error: InvalidHandshake) -> Generator[None]:
    protocol.handshake_exc = error
    protocol.send_eof()
    protocol.parser = protocol.discard()
    next(protocol.parser)
    yield


def _read_response(reader: StreamReader) -> Generator[None, None, Response]:
    """The response without its body. EOFError if the connection ends, ResponseError if it is not HTTP."""
    for _ in range(_MAX_INTERIM_RESPONSES):
        code, reason = yield from _read_status(reader)
        headers = yield from _read_headers(reader, needed=code == _SWITCHING)
        if code >= 200 or code == _SWITCHING:
            return Response(code, reason, headers)
    raise ResponseError("it sent too many interim responses")


def _read_status(reader: StreamReader) -> Generator[None, None, tuple[int, str]]:
    line = b"\n"
    for _ in range(_MAX_BLANK_LINES):
        line = bytes((yield from reader.read_line(MAX_LINE, HeadersTooLargeError)))
        if line.strip():
            break
    match = _STATUS.fullmatch(line)
    if match is None:
        raise ResponseError(f"it answered {line[:80].decode('latin-1')!r}")
    return int(match[1]), (match[2] or b"").decode("latin-1")


def _read_headers(reader: StreamReader, *, needed: bool) -> Generator[None, None, Headers]:
    """The headers. If not all are `needed`, as many as can be read."""
    headers, size = Headers(), 0
    try:
        while True:
            line = bytes((yield from reader.read_line(MAX_LINE, HeadersTooLargeError)))
            size += len(line)
            if size > MAX_HEADERS:
                raise HeadersTooLargeError
            if not line.strip(b"\r\n"):
                return headers
            name, colon, value = line.partition(b":")
            if colon and re.fullmatch(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name.strip()):
                headers.set_insecure(name.strip().decode(), value.strip().decode("latin-1"))
    except HeadersTooLargeError:
        if needed:
            raise HeadersTooLargeError(f"it answered with header lines above {MAX_LINE // 1024} KiB") from None
    except EOFError:
        if needed:
            raise
    return headers
