"""One operation of a commit: what it does, to which record. Its record comes separately."""

from dataclasses import dataclass
from typing import Literal

from sluice_wire import fields
from sluice_wire.cid import Cid
from sluice_wire.collection_filter import CollectionFilter
from sluice_wire.deadletter import DeadLetterReason, InputError
from sluice_wire.salvage import BrokenValue


@dataclass(slots=True)
class Operation:
    """A record is new, has become another, or is gone; `cid` is its block's, None if it is gone."""

    action: Literal["create", "update", "delete"]
    collection: str
    rkey: str
    cid: Cid | None


def read_operation(op: object, collections: CollectionFilter) -> Operation | None:
    """The operation that `op` is, or None if its collection is not wanted. InputError if it is none."""
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
