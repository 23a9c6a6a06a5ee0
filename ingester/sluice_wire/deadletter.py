"""Dead letters: input that could not be decoded, kept with the reason."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from sluice_common.text import sanitize

MAX_PAYLOAD_BYTES: Final = 64 * 1024
"""Bytes of a payload that are kept."""

_MAX_TEXT: Final = 1024


class DeadLetterReason(StrEnum):
    """Why something became a dead letter. Each docstring is a row of docs/metrics.md."""

    FRAME_INVALID = "FrameInvalid"
    """The frame is not two DAG-CBOR objects, or its header has no meaning."""
    MESSAGE_INVALID = "MessageInvalid"
    """A known message has wrong fields."""
    OP_INVALID = "OpInvalid"
    """One operation of a commit is wrong."""
    CAR_INVALID = "CarInvalid"
    """The commit's blocks end before the operation's block."""
    BLOCK_MISSING = "BlockMissing"
    """The commit came without the operation's block."""
    BLOCK_HASH_MISMATCH = "BlockHashMismatch"
    """The block does not match its CID."""
    RECORD_INVALID = "RecordInvalid"
    """The block is not a record that JSON can carry."""
    LABEL_INVALID = "LabelInvalid"
    """One label of a message is wrong."""
    REPO_INVALID = "RepoInvalid"
    """One entry of a listing is not a repo."""
    REPO_SKIPPED = "RepoSkipped"
    """The host can't list this repo, and `INGESTER_ON_PAGE_ERROR` is `skip-repo`."""
    TOO_LARGE = "TooLarge"
    """The decoded frame exceeds the limit, or Redis refuses a request of this size."""
    DECODER_FAULT = "DecoderFault"
    """A bug in Sluice: please report it."""


class InputError(ValueError):
    """Input that cannot be used. `reason` is for machines, the message for people."""

    def __init__(self, reason: DeadLetterReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """One input that could not be used.

    `detail` names it: the AT-URI of a record, the subject of a label, or nothing for a whole frame. `detail` and
    `message` are sanitized, because they contain text of the source. `payload` is the bytes that failed, at most
    MAX_PAYLOAD_BYTES: the frame or the record's block. If the block is missing, it is the event's JSON as far as it is
    known.
    """

    reason: DeadLetterReason
    message: str
    detail: str = ""
    payload: bytes
    seq: int | None

    @classmethod
    def from_error(cls, error: InputError, *, payload: bytes | memoryview, seq: int | None, detail: str = "") -> Self:
        """The dead letter for `error`, with all parts cut to their maximum."""
        return cls(
            reason=error.reason,
            message=sanitize(str(error), max_length=_MAX_TEXT),
            detail=sanitize(detail, max_length=_MAX_TEXT),
            payload=bytes(payload[:MAX_PAYLOAD_BYTES]),
            seq=seq,
        )
