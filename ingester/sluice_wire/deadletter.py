"""What could not be used, kept with the reason: a dead letter costs nothing else."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from sluice_common.text import sanitize

MAX_PAYLOAD_BYTES: Final = 64 * 1024
"""Bytes of a payload that are kept."""

_MAX_TEXT: Final = 1024


class DeadLetterReason(StrEnum):
    """Why something became a dead letter."""

    FRAME_INVALID = "FrameInvalid"  # not two DAG-CBOR objects, or a header without meaning
    MESSAGE_INVALID = "MessageInvalid"  # a known message whose fields are wrong
    OP_INVALID = "OpInvalid"  # one operation of a commit is wrong
    CAR_INVALID = "CarInvalid"  # the commit's blocks end before the operation's is found
    BLOCK_MISSING = "BlockMissing"  # the commit came without the operation's block
    BLOCK_HASH_MISMATCH = "BlockHashMismatch"  # the block is not what its CID promises
    RECORD_INVALID = "RecordInvalid"  # the block is no record that JSON could carry
    LABEL_INVALID = "LabelInvalid"  # one label of a message is wrong
    REPO_INVALID = "RepoInvalid"  # one entry of a listing is no repo
    REPO_SKIPPED = "RepoSkipped"  # the host can't list this repo, and INGESTER_ON_PAGE_ERROR lets us pass over it
    TOO_LARGE = "TooLarge"  # one frame would swell to more than a frame may
    DECODER_FAULT = "DecoderFault"  # Sluice's own fault: please report it


class InputError(ValueError):
    """Input that can't be used: `reason` for machines, the message for people."""

    def __init__(self, reason: DeadLetterReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """One thing that could not be used.

    `detail` names it: the AT-URI of a record, the subject of a label; empty for a whole frame. It and
    `message` are made readable, since they hold a stranger's words.
    `payload` holds the bytes that failed, at most MAX_PAYLOAD of them: the frame, the record's
    block, or, where the block is what is missing, the event's JSON as far as it is known.
    """

    reason: DeadLetterReason
    message: str
    detail: str = ""
    payload: bytes
    seq: int | None

    @classmethod
    def from_error(cls, error: InputError, *, payload: bytes | memoryview, seq: int | None, detail: str = "") -> Self:
        """The dead letter for `fault`, with everything cut to what is kept."""
        return cls(
            reason=error.reason,
            message=sanitize(str(error), max_length=_MAX_TEXT),
            detail=sanitize(detail, max_length=_MAX_TEXT),
            payload=bytes(payload[:MAX_PAYLOAD_BYTES]),
            seq=seq,
        )
