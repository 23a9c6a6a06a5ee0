"""Why a source gave no stream, or ended it: one word for machines, one line for people. Pure."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from socket import gaierror
from typing import Final

from websockets.exceptions import (
    ConnectionClosed,
    InvalidMessage,
    InvalidProxy,
    InvalidProxyStatus,
    InvalidStatus,
    InvalidURI,
    ProxyError,
    SecurityError,
)

from sluice_common.text import readable
from sluice_ingester.sources.handshake_response import HeadersTooLargeError
from sluice_ingester.sources.hop import Hop
from sluice_ingester.sources.proxy import ProxyUnusableError
from sluice_ingester.sources.tls import advice

_MOST_TEXT: Final = 1000
_MOST_RETRY_AFTER: Final = 600.0
_HOPELESS: Final = 60.0
_PROXY_HINTS: Final = {407: ": put its user and password into the proxy's URL, http://USER:PASSWORD@HOST:PORT"}


@dataclass(frozen=True, slots=True)
class Failure:
    """`kind` is CamelCase and one of few; `wait` is the least number of seconds before a new try."""

    kind: str
    message: str
    wait: float = 0.0

    def __post_init__(self) -> None:
        """A message quotes what others said, in whatever encoding."""
        object.__setattr__(self, "message", readable(self.message, most=_MOST_TEXT))


class SourceError(Exception):
    """The source can't be read at the moment."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def explain(error: Exception, *, place: str, hop: Hop | None = None, named: tuple[str, ...] = ()) -> Failure:
    """What `error`, raised while connecting to `place` or reading from it, means.

    `hop` says where the attempt was, if it may have been elsewhere. `named` are the variables that name private CAs.
    """
    hop = hop or Hop(source=place, reached=True)
    match error:
        case InvalidStatus():
            return _status(error, hop.place)
        case ConnectionClosed():
            return _closed(error, hop.place)
        case OSError():
            return _network(error, hop, named)
        case ProxyUnusableError() | ProxyError() | InvalidProxy():
            return _proxy(error, hop)
        case InvalidURI() | SecurityError():
            return Failure("RedirectRefused", f"{hop.place} redirects to where it can't be followed: {_line(error)}")
        case _:
            return _handshake(error, hop)


def _proxy(error: Exception, hop: Hop) -> Failure:
    match error:
        case ProxyUnusableError():
            text = f"no proxy leads to {hop.place}: {_line(error)}"
        case InvalidProxyStatus():
            code = error.response.status_code
            text = f"{hop.peer} answered {_answered(code)}{_PROXY_HINTS.get(code, '')}"
        case _:  # its text may quote the proxy's URL, password and all
            text = f"{hop.peer} gave no answer that opens the way: {type(error).__name__}"
    return Failure("ProxyFailed", text)


def _handshake(error: Exception, hop: Hop) -> Failure:
    match error:
        case UnicodeError():
            return Failure("NameUnknown", f"the name of {hop.peer} is no name of a host: {_line(error)}")
        case InvalidMessage(__cause__=EOFError()):
            return Failure("ConnectionLost", f"{hop.place} closed the connection before it had answered")
        case InvalidMessage(__cause__=HeadersTooLargeError() as cause):
            return Failure("HeadersTooLarge", f"{hop.place} can't be understood: {_line(cause)}")
        case _:
            return Failure("NoWebSocket", f"{hop.place} does not speak WebSocket: {_line(error)}")


def _network(error: OSError, hop: Hop, named: tuple[str, ...]) -> Failure:
    peer = hop.peer
    match error:
        case gaierror():
            return Failure("NameUnknown", f"the name of {peer} can't be resolved: {error.strerror or error}")
        case ssl.SSLCertVerificationError():
            why = getattr(error, "verify_message", None) or _line(error)
            hint = advice(getattr(error, "verify_code", 0), named)
            return Failure(
                "TlsFailed", f"the certificate of {peer} is not trusted: {why}" + (f" ({hint})" if hint else "")
            )
        case ssl.SSLError():
            return Failure("TlsFailed", f"TLS with {peer} failed: {_line(error)}")
        case TimeoutError():
            return Failure("ConnectTimeout", f"{peer} did not answer in time")
        case _:
            return Failure("ConnectFailed", f"no connection to {peer}: {error.strerror or _line(error)}")


def _status(error: InvalidStatus, place: str) -> Failure:
    code = error.response.status_code
    told = error.response.headers.get_all("Retry-After")
    wait = retry_after(told[0] if told else None) if code in {429, 503} else 0.0
    if code == HTTPStatus.NOT_IMPLEMENTED:
        wait = _HOPELESS
    return Failure(f"Http{code}", f"{place} answered {_answered(code)}", wait)


def _answered(code: int) -> str:
    try:
        return f"{code} {HTTPStatus(code).phrase}"
    except ValueError:
        return str(code)


def retry_after(value: str | None) -> float:
    """Seconds of a Retry-After header (RFC 9110, 10.2.3), which holds seconds or a date."""
    if value is None:
        return 0.0
    try:
        seconds = float(value) if value.isdigit() else _until(value)
    except (ValueError, OverflowError, TypeError, IndexError):  # the library's parser of dates raises them all
        return 0.0
    return min(max(seconds, 0.0), _MOST_RETRY_AFTER)


def _until(date: str) -> float:
    moment = parsedate_to_datetime(date)
    return (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds()


def _closed(error: ConnectionClosed, place: str) -> Failure:
    if error.sent is not None and not error.rcvd_then_sent:
        if error.sent.code == 1009:
            return Failure(
                "FrameTooLarge",
                f"{place} sent a frame above the 5 MB of the specification: set the cursor beyond it",
            )
        return Failure("ProtocolError", f"{place} broke the WebSocket protocol: {error.sent.reason or error}")
    if error.rcvd is None:
        return Failure("ConnectionLost", f"the connection to {place} was lost")
    reason = f" ({error.rcvd.reason[:200]})" if error.rcvd.reason else ""
    return Failure("Closed", f"{place} closed the connection with {error.rcvd.code}{reason}")


def _line(error: Exception) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:200]
