"""The request and the results of one append. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterEntry:
    """An entry of the dead-letter stream, without its field `host`.

    `seq` is decimal, or empty if the frame had none. `reason` is a DeadLetterReason, then what was wrong. `detail` is
    the AT-URI of the record, or empty. `payload` is what could not be decoded, cut at 64 KiB.
    """

    seq: str
    reason: str
    detail: str
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AppendRequest:
    """What one call stores.

    `expected_cursor` is the cursor that must be stored now, exactly; None if there must be none. `cursor` is the new
    one; None leaves it. `batch_id` is unique to the batch, and the same in every repetition of the call. `resyncs` go
    to the backfill's stream, and `health_fields` into the health hash, in the same step. `event_time` is that of the
    newest event, or None.
    """

    batch_id: str
    expected_cursor: bytes | None
    cursor: int | str | None
    events: Sequence[bytes]
    dead_letters: Sequence[DeadLetterEntry] = ()
    resyncs: Sequence[bytes] = ()
    event_time: str | None = None
    health_fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stored:
    """The batch is stored. The stream now has `length` entries.

    `duplicates` of its events were left out, because another relay has delivered them before.
    """

    length: int
    duplicates: int = 0


@dataclass(frozen=True, slots=True)
class Full:
    """Nothing was stored: the stream has `length` entries, and is at its high-water mark."""

    length: int


@dataclass(frozen=True, slots=True)
class Fenced:
    """Nothing was stored: somebody else has set the cursor, to `stored_cursor`."""

    stored_cursor: bytes | None
