"""The words for what goes wrong: a closed vocabulary, since each is a label of a metric.

What a source says must not make new ones: a series for each would fill a monitoring system.
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
"""Of connections, streams and listings."""

_HTTP: Final = frozenset(f"Http{status.value}" for status in HTTPStatus)

ERROR_KINDS: Final = frozenset({*SOURCE_KINDS, *SinkReason, *DeadLetterReason, *_HTTP, OTHER})
"""All there are. The words of the sink are in sink.errors, those of dead letters in wire.deadletter."""


def error_kind(kind: str) -> str:
    """`kind` if it is one of the vocabulary, else `Other`, such as for a status that HTTP does not know."""
    return kind if kind in ERROR_KINDS else OTHER
