"""Why a source gave no stream, or ended it: one word for machines, one line for people. Pure."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from socket import gaierror
from typing import Final

from websockets.exceptions import ConnectionClosed, InvalidStatus, InvalidURI, ProxyError, SecurityError

from sluice_ingester.text import readable

_MOST_TEXT: Final = 1000
_MOST_RETRY_AFTER: Final = 600.0
_HOPELESS: Final = 60.0


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


def explain(error: Exception, *, place: str) -> Failure:
    """What `error`, raised while connecting to `place` or reading from it, means."""
    match error:
        case InvalidStatus():
            return _status(error, place)
        case ConnectionClosed():
            return _closed(error, place)
        case OSError():
            return _network(error, place)
        case ProxyError():
            return Failure("ProxyFailed", f"the proxy does not lead to {place}: {_line(error)}")
        case InvalidURI() | SecurityError():
            return Failure("RedirectRefused", f"{place} redirects to where it can't be followed: {_line(error)}")
        case _:
            return Failure("NoWebSocket", f"{place} does not speak WebSocket: {_line(error)}")


def _network(error: OSError, place: str) -> Failure:
    match error:
        case gaierror():
            return Failure("NameUnknown", f"the name of {place} can't be resolved: {error.strerror or error}")
        case ssl.SSLCertVerificationError():
            why = getattr(error, "verify_message", None) or _line(error)
            hint = "name a private CA in INGESTER_CA_BUNDLE"
            return Failure("TlsFailed", f"the certificate of {place} is not trusted: {why} ({hint})")
        case ssl.SSLError():
            return Failure("TlsFailed", f"TLS with {place} failed: {_line(error)}")
        case TimeoutError():
            return Failure("ConnectTimeout", f"{place} did not answer in time")
        case _:
            return Failure("ConnectFailed", f"no connection to {place}: {error.strerror or _line(error)}")


def _status(error: InvalidStatus, place: str) -> Failure:
    code = error.response.status_code
    try:
        phrase = HTTPStatus(code).phrase
    except ValueError:
        phrase = ""
    wait = retry_after(error.response.headers.get("Retry-After")) if code in {429, 503} else 0.0
    if code == HTTPStatus.NOT_IMPLEMENTED:
        wait = _HOPELESS
    return Failure(f"Http{code}", f"{place} answered {code} {phrase}".rstrip(), wait)


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
