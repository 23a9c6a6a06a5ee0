"""The kinds of errors of an ingester: a closed list, since each is a label of a metric and a reason in a status.

Text from a source never becomes a kind, because each kind is a time series in the monitoring.
"""

from enum import StrEnum
from http import HTTPStatus
from typing import Final

from sluice_redis.sink.errors import SinkReason
from sluice_wire.deadletter import DeadLetterReason

OTHER: Final = "Other"


class SourceErrorKind(StrEnum):
    """Errors of connections, streams and listings. Each docstring is a row of docs/status.md: when, and what to do."""

    CLOSED = "Closed"
    """The source closed the connection: the message has its code and reason."""
    CONNECT_FAILED = "ConnectFailed"
    """No connection could be made: the message names the host, proxy or redirect target, and why.

    If it lasts, check `spec.host`, the network and any proxy.
    """
    CONNECT_TIMEOUT = "ConnectTimeout"
    """The host did not answer in time.

    If it lasts, check `spec.host`, the network and any proxy.
    """
    CONNECTION_LOST = "ConnectionLost"
    """The connection broke."""
    CONSUMER_TOO_SLOW = "ConsumerTooSlow"
    """The source closed the connection because the ingester read too slowly.

    If it happens often, check the CPU limit of the pod and the speed of Redis.
    """
    CURSOR_LOOP = "CursorLoop"
    """A listing returned to an earlier cursor. The page is requested again, with growing pauses.

    Ask the operator of the source.
    """
    CURSOR_UNREADABLE = "CursorUnreadable"
    """Halted: the cursor in Redis is not a number.

    Set or delete the key that the message names.
    """
    ERROR_FRAME = "ErrorFrame"
    """The source sent an error frame: the message has its text."""
    FRAME_TOO_LARGE = "FrameTooLarge"
    """The source sent a frame above the limit, and the connection was closed.

    Ask the operator of the source.
    """
    FUTURE_CURSOR = "FutureCursor"
    """Halted: the cursor is ahead of the source.

    Set `spec.cursor`, or the key in Redis as the message says.
    """
    HEADERS_TOO_LARGE = "HeadersTooLarge"
    """The host answered with headers above the limit.

    Check `spec.host`.
    """
    INTERNAL_ERROR = "InternalError"
    """A bug in Sluice. The ingester retries.

    Report it, with the log.
    """
    INVALID_SETTINGS = "InvalidSettings"
    """Halted: an entry of the source list has an invalid variable, which the message names.

    Correct the entry.
    """
    NAME_UNKNOWN = "NameUnknown"
    """The host name can't be resolved.

    Check `spec.host` and the DNS of the cluster.
    """
    NO_CURSOR = "NoCursor"
    """A connection ended before a cursor was stored. Events until the next connection can't be requested.

    Fetch what is missing, or use `startFrom: oldest`.
    """
    NO_HTTP = "NoHttp"
    """The host does not speak HTTP.

    Check the host and port in `spec.host`.
    """
    NO_WEB_SOCKET = "NoWebSocket"
    """The host does not speak WebSocket.

    Check the host and port in `spec.host`.
    """
    OUTDATED_CURSOR = "OutdatedCursor"
    """The source no longer has the events after the cursor. The ingester continues from the oldest event, or halts with
    `onCursorLost: Halt`.

    Fetch what is missing from the repositories; if halted, set `spec.cursor`.
    """
    PAGE_INVALID = "PageInvalid"
    """A page of the listing is malformed. It is requested again, with a smaller limit."""
    PAGE_REPEATED = "PageRepeated"
    """A page of the listing was sent a second time. It is requested again, with growing pauses.

    Ask the operator of the source.
    """
    PAGE_TIMEOUT = "PageTimeout"
    """A page of the listing did not arrive in time. It is requested again, with a smaller limit."""
    PAGE_TOO_LARGE = "PageTooLarge"
    """A page of the listing is too large. It is requested again, with a smaller limit."""
    PAGES_EMPTY = "PagesEmpty"
    """The listing gives empty pages, each with a cursor. The ingester continues, one page a second."""
    PING_TIMEOUT = "PingTimeout"
    """The source did not answer a ping, and the connection was closed."""
    PROTOCOL_ERROR = "ProtocolError"
    """The source broke the WebSocket protocol: the message says how."""
    PROXY_FAILED = "ProxyFailed"
    """The proxy refused the connection, or can't be used.

    Check the URL of the proxy, its user and its password.
    """
    REDIRECT_REFUSED = "RedirectRefused"
    """The host redirects to a URL that is not followed, for example from TLS to a host without TLS.

    Set `spec.host` to the target, if you trust it.
    """
    SEQUENCE_MOVED_BACK = "SequenceMovedBack"
    """Halted: the source has begun a new sequence below the cursor.

    Set `spec.cursor`, or the key in Redis as the message says.
    """
    STRAY_FRAME = "StrayFrame"
    """The seq of one frame was far from those before and after. The frame is stored, and the cursor does not follow it.
    """
    TLS_FAILED = "TlsFailed"
    """No TLS connection could be made: the message says why.

    If the certificate is from a private CA, set `spec.caBundle`.
    """


SOURCE_KINDS: Final = frozenset(SourceErrorKind)

_HTTP: Final = frozenset(f"Http{status.value}" for status in HTTPStatus)

ERROR_KINDS: Final[frozenset[str]] = frozenset({*SourceErrorKind, *SinkReason, *DeadLetterReason, *_HTTP, OTHER})
"""All kinds."""


def error_kind(kind: str) -> str:
    """`kind` if it is in the list, else `Other`, for example for an HTTP status that is not registered."""
    return kind if kind in ERROR_KINDS else OTHER
