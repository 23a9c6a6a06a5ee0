"""The failures of a source: a kind for machines, and a message of one line for people. Pure."""

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

from sluice_common.text import error_text, sanitize
from sluice_ingester.sources.handshake_response import HeadersTooLargeError
from sluice_ingester.sources.hop import Hop
from sluice_ingester.sources.proxy import ProxyUnusableError
from sluice_ingester.sources.tls import ca_hint

_MAX_MESSAGE: Final = 1000
_MAX_ERROR_TEXT: Final = 200
_MAX_RETRY_AFTER_SECONDS: Final = 600.0
_NOT_IMPLEMENTED_SECONDS: Final = 60.0
_PROXY_HINTS: Final = {407: ": put its user and password into the proxy's URL, http://USER:PASSWORD@HOST:PORT"}


@dataclass(frozen=True, slots=True)
class SourceFailure:
    """`kind` is in CamelCase and one of a closed list. `min_delay` is the least number of seconds to wait."""

    kind: str
    message: str
    min_delay: float = 0.0

    def __post_init__(self) -> None:
        """Sanitize the message, which contains text of other programs."""
        object.__setattr__(self, "message", sanitize(self.message, max_length=_MAX_MESSAGE))


class SourceError(Exception):
    """The source cannot be read at the moment. `failure` says why."""

    def __init__(self, failure: SourceFailure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def classify_source_error(
    error: Exception, *, source: str, hop: Hop | None = None, ca_variables: tuple[str, ...] = ()
) -> SourceFailure:
    """The failure for `error`, which was raised while connecting to `source`, or reading from it.

    `hop` says where it happened, if that may have been elsewhere. `ca_variables` are the variables that name private
    CAs.
    """
    hop = hop or Hop(source=source, reached=True)
    match error:
        case InvalidStatus():
            return _status_failure(error, hop.target_name)
        case ConnectionClosed():
            return _closed_failure(error, hop.target_name)
        case OSError():
            return _network_failure(error, hop, ca_variables)
        case ProxyUnusableError() | ProxyError() | InvalidProxy():
            return _proxy_failure(error, hop)
        case InvalidURI() | SecurityError():
            return SourceFailure(
                "RedirectRefused",
                f"{hop.target_name} redirects to a URL that is not followed: {_text(error)}",
            )
        case _:
            return _handshake_failure(error, hop)


def _proxy_failure(error: Exception, hop: Hop) -> SourceFailure:
    match error:
        case ProxyUnusableError():
            text = f"the proxy for {hop.target_name} can't be used: {_text(error)}"
        case InvalidProxyStatus():
            code = error.response.status_code
            text = f"{hop.peer_name} answered {_status_text(code)}{_PROXY_HINTS.get(code, '')}"
        case _:  # its text may contain the proxy's URL, with the password
            text = f"{hop.peer_name} sent an invalid response: {type(error).__name__}"
    return SourceFailure("ProxyFailed", text)


def _handshake_failure(error: Exception, hop: Hop) -> SourceFailure:
    match error:
        case UnicodeError():
            return SourceFailure(
                "NameUnknown",
                f"the name of {hop.peer_name} is not a valid host name: {_text(error)}",
            )
        case InvalidMessage(__cause__=EOFError()):
            return SourceFailure("ConnectionLost", f"{hop.target_name} closed the connection before it responded")
        case InvalidMessage(__cause__=HeadersTooLargeError() as cause):
            return SourceFailure(
                "HeadersTooLarge",
                f"{hop.target_name} sent an invalid response: {_text(cause)}",
            )
        case _:
            return SourceFailure(
                "NoWebSocket",
                f"{hop.target_name} does not speak WebSocket: {_text(error)}",
            )


def _network_failure(error: OSError, hop: Hop, ca_variables: tuple[str, ...]) -> SourceFailure:
    peer = hop.peer_name
    match error:
        case gaierror():
            return SourceFailure("NameUnknown", f"the name of {peer} can't be resolved: {error.strerror or error}")
        case ssl.SSLCertVerificationError():
            why = getattr(error, "verify_message", None) or _text(error)
            hint = ca_hint(getattr(error, "verify_code", 0), ca_variables)
            return SourceFailure(
                "TlsFailed", f"the certificate of {peer} is not trusted: {why}" + (f" ({hint})" if hint else "")
            )
        case ssl.SSLError():
            return SourceFailure("TlsFailed", f"TLS with {peer} failed: {_text(error)}")
        case TimeoutError():
            return SourceFailure("ConnectTimeout", f"{peer} did not answer in time")
        case _:
            return SourceFailure(
                "ConnectFailed",
                f"no connection to {peer}: {error.strerror or _text(error)}",
            )


def _status_failure(error: InvalidStatus, source: str) -> SourceFailure:
    code = error.response.status_code
    headers = error.response.headers.get_all("Retry-After")
    min_delay = retry_after(headers[0] if headers else None) if code in {429, 503} else 0.0
    if code == HTTPStatus.NOT_IMPLEMENTED:
        min_delay = _NOT_IMPLEMENTED_SECONDS
    return SourceFailure(f"Http{code}", f"{source} answered {_status_text(code)}", min_delay)


def _status_text(code: int) -> str:
    try:
        return f"{code} {HTTPStatus(code).phrase}"
    except ValueError:
        return str(code)


def retry_after(value: str | None) -> float:
    """Seconds of a Retry-After header (RFC 9110, 10.2.3), which holds seconds or a date."""
    if value is None:
        return 0.0
    try:
        seconds = float(value) if value.isdigit() else _seconds_until(value)
    except (ValueError, OverflowError, TypeError, IndexError):  # the library's date parser raises all of these
        return 0.0
    return min(max(seconds, 0.0), _MAX_RETRY_AFTER_SECONDS)


def _seconds_until(date: str) -> float:
    moment = parsedate_to_datetime(date)
    return (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds()


def _closed_failure(error: ConnectionClosed, source: str) -> SourceFailure:
    if error.sent is not None and not error.rcvd_then_sent:
        if error.sent.code == 1009:
            return SourceFailure(
                "FrameTooLarge",
                f"{source} sent a frame above the 5 MB of the specification: set the cursor beyond it",
            )
        return SourceFailure("ProtocolError", f"{source} broke the WebSocket protocol: {error.sent.reason or error}")
    if error.rcvd is None:
        return SourceFailure("ConnectionLost", f"the connection to {source} was lost")
    reason = f" ({error.rcvd.reason[:200]})" if error.rcvd.reason else ""
    return SourceFailure("Closed", f"{source} closed the connection with {error.rcvd.code}{reason}")


def _text(error: Exception) -> str:
    return error_text(error, max_length=_MAX_ERROR_TEXT)
