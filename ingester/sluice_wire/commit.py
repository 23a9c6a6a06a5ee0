"""Decoding #commit: the changes of a repository, one event for each operation.

An operation that cannot be decoded becomes a dead letter. The other operations become events.
"""

from typing import Any, Final

from sluice_wire import datajson, fields
from sluice_wire.cid import Cid
from sluice_wire.collection_filter import CollectionFilter
from sluice_wire.deadletter import MAX_PAYLOAD_BYTES, DeadLetter, DeadLetterReason, InputError
from sluice_wire.event_stream import MessageStamp
from sluice_wire.events import DecodedFrame, EventKind
from sluice_wire.operation import Operation, read_operation
from sluice_wire.records import find_blocks, read_record
from sluice_wire.salvage import BrokenValue
from sluice_wire.timestamps import plausible_timestamp

MAX_OPERATIONS: Final = 2000
"""Ten times what the lexicon allows in one commit."""

MAX_OUTPUT_BYTES: Final = 8 * 1024 * 1024
"""Bytes of JSON from one commit. Two megabytes of blocks give far less. But a small frame could have one large record
at many paths, and fill the ingester's memory."""

MAX_DEAD_LETTER_BYTES: Final = 16 * MAX_PAYLOAD_BYTES
"""Bytes of all payloads of one commit's dead letters."""

LARGE_RECORD_BYTES: Final = 64 * 1024
"""A larger record may have so many items that their JSON takes too much memory."""

_INVALID: Final = DeadLetterReason.MESSAGE_INVALID


def decode_commit(body: fields.Fields, stamp: MessageStamp, *, collections: CollectionFilter) -> DecodedFrame:
    """The events of one #commit. InputError if the message as a whole cannot be used."""
    commit = _CommitEvents(
        {
            "seq": stamp.seq,
            "time": stamp.time,
            "did": fields.did(body, "repo", _INVALID),
            "commit": str(fields.link(body, "commit", _INVALID)),
            "rev": fields.text(body, "rev", _INVALID),
        }
    )
    ops = fields.get(body, "ops")
    if ops is None:
        ops = []
    if type(ops) is not list or len(ops) > MAX_OPERATIONS:
        raise InputError(_INVALID, f"ops: expected a list of at most {MAX_OPERATIONS}")
    if not ops and body.get("tooBig") is True:
        commit.add_dead_letter(
            InputError(DeadLetterReason.BLOCK_MISSING, "too big: the source left the operations out")
        )
    operations = commit.select_operations(ops, collections)
    commit.add_events(operations, fields.get(body, "blocks"))
    return DecodedFrame(
        seq=stamp.seq,
        time=plausible_timestamp(stamp.source_time),
        events=tuple(commit.events),
        kinds=tuple(commit.kinds),
        filtered=commit.filtered,
        dead_letters=tuple(commit.dead_letters),
    )


class _CommitEvents:
    """Collects events and dead letters of a commit's operations. `common` are the keys that all events have."""

    def __init__(self, common: dict[str, Any]) -> None:
        self.common = common
        self.events: list[bytes] = []
        self.kinds: list[EventKind] = []
        self.filtered = 0
        self.dead_letters: list[DeadLetter] = []
        self._output_bytes_left = MAX_OUTPUT_BYTES
        self._dead_letter_bytes_left = MAX_DEAD_LETTER_BYTES

    def select_operations(self, ops: list[object], collections: CollectionFilter) -> list[Operation]:
        selected = []
        for op in ops:
            try:
                operation = read_operation(op, collections)
            except InputError as error:
                self.add_dead_letter(error, context={"op": op}, block=op.raw if isinstance(op, BrokenValue) else None)
                continue
            if operation is None:
                self.filtered += 1
            else:
                selected.append(operation)
        return selected

    def add_events(self, operations: list[Operation], car_bytes: object) -> None:
        wanted = {operation.cid for operation in operations if operation.cid is not None}
        blocks = find_blocks(car_bytes, wanted)
        for operation in operations:
            event = self._event_without_record(operation)
            block = None
            try:
                if (cid := operation.cid) is not None:
                    if (block := blocks.verified.get(cid)) is None:
                        block = blocks.mismatched.get(cid)
                        raise blocks.absence if block is None else _mismatch(cid)
                    event["record"] = read_record(block)
                self._add_event(operation.action, event, is_large=block is not None and len(block) > LARGE_RECORD_BYTES)
            except InputError as error:
                self.add_dead_letter(error, operation=operation, context=event, block=block)

    def _event_without_record(self, operation: Operation) -> dict[str, Any]:
        event = {
            "type": operation.action,
            **self.common,
            "collection": operation.collection,
            "rkey": operation.rkey,
        }
        if operation.cid is not None:
            event["cid"] = str(operation.cid)
        return event

    def _add_event(self, kind: EventKind, event: dict[str, Any], *, is_large: bool) -> None:
        try:
            text = datajson.dumps_large(event) if is_large else datajson.dumps(event)
        except ValueError as error:
            raise InputError(DeadLetterReason.RECORD_INVALID, str(error)) from error
        if len(text) > self._output_bytes_left:
            raise InputError(DeadLetterReason.TOO_LARGE, f"the commit's events exceed {MAX_OUTPUT_BYTES} bytes")
        self._output_bytes_left -= len(text)
        self.events.append(text)
        self.kinds.append(kind)

    def add_dead_letter(
        self,
        error: InputError,
        *,
        operation: Operation | None = None,
        context: dict[str, Any] | None = None,
        block: bytes | None = None,
    ) -> None:
        payload = datajson.dumps_leniently(self.common | (context or {})) if block is None else block
        path = f"/{operation.collection}/{operation.rkey}" if operation else ""
        letter = DeadLetter.from_error(
            error,
            payload=payload[: self._dead_letter_bytes_left],
            seq=self.common["seq"],
            detail=f"at://{self.common['did']}{path}",
        )
        self._dead_letter_bytes_left -= len(letter.payload)
        self.dead_letters.append(letter)


def _mismatch(cid: Cid) -> InputError:
    return InputError(DeadLetterReason.BLOCK_HASH_MISMATCH, f"the block is not what its CID promises: {cid}")
