"""One operation of a commit: its action and the path of its record. The record itself is in the commit's blocks."""

from dataclasses import dataclass
from typing import Literal

from sluice_wire import fields
from sluice_wire.cid import Cid
from sluice_wire.collection_filter import CollectionFilter
from sluice_wire.deadletter import DeadLetterReason, InputError
from sluice_wire.salvage import BrokenValue


@dataclass(slots=True)
class Operation:
    """A record is created, updated or deleted. `cid` is that of its block, None if it is deleted."""

    action: Literal["create", "update", "delete"]
    collection: str
    rkey: str
    cid: Cid | None


def read_operation(op: object, collections: CollectionFilter) -> Operation | None:
    """The operation in `op`, or None if the filter rejects its collection. InputError if it is invalid."""
    if type(op) is BrokenValue:
        raise InputError(DeadLetterReason.OP_INVALID, op.error)
    if type(op) is not dict:
        raise InputError(DeadLetterReason.OP_INVALID, f"an operation is a map; this is {type(op).__name__}")
    path = fields.text(op, "path", DeadLetterReason.OP_INVALID)
    collection, _, rkey = path.partition("/")
    if not collection or not rkey or "/" in rkey:
        raise InputError(DeadLetterReason.OP_INVALID, "path: expected COLLECTION/RKEY")
    if not collections.accepts(collection):
        return None
    match op.get("action"):
        case "delete":
            return Operation("delete", collection, rkey, None)
        case "create" | "update" as action:
            return Operation(action, collection, rkey, fields.link(op, "cid", DeadLetterReason.OP_INVALID))
        case _:
            raise InputError(DeadLetterReason.OP_INVALID, "action: expected create, update or delete")
