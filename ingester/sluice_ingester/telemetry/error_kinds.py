"""The kinds of errors: a closed list, because each is a label value of a metric.

Foreign text must not add new ones: a time series for each would overload a monitoring system.
"""

from http import HTTPStatus
from typing import Final

from sluice_redis.sink.errors import SinkReason
from sluice_wire.deadletter import DeadLetterReason

OTHER: Final = "Other"

SOURCE_KINDS: Final = frozenset(
    {
        "Closed",
        "ConnectFailed",
        "ConnectTimeout",
        "ConnectionLost",
        "ConsumerTooSlow",
        "CursorLoop",
        "CursorUnreadable",
        "ErrorFrame",
        "FrameTooLarge",
        "FutureCursor",
        "HeadersTooLarge",
        "InternalError",
        "NameUnknown",
        "NoCursor",
        "NoHttp",
        "NoWebSocket",
        "OutdatedCursor",
        "PageInvalid",
        "PageRepeated",
        "PageTimeout",
        "PageTooLarge",
        "PagesEmpty",
        "PingTimeout",
        "ProtocolError",
        "ProxyFailed",
        "RedirectRefused",
        "SequenceMovedBack",
        "StrayFrame",
        "TlsFailed",
    }
)
"""The kinds of connections, streams and listings."""

_HTTP: Final = frozenset(f"Http{status.value}" for status in HTTPStatus)

ERROR_KINDS: Final = frozenset({*SOURCE_KINDS, *SinkReason, *DeadLetterReason, *_HTTP, OTHER})
"""All kinds, including those of Redis (SinkReason) and of dead letters (DeadLetterReason)."""


def error_kind(kind: str) -> str:
    """`kind` if it is in the list, otherwise `Other`, for example for an unknown HTTP status."""
    return kind if kind in ERROR_KINDS else OTHER
