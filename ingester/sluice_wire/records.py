"""The records of a commit: finding their blocks, verifying their CIDs, decoding them."""

from collections.abc import Mapping
from typing import Any

from sluice_wire import car, dagcbor
from sluice_wire.cid import Cid
from sluice_wire.deadletter import DeadLetterReason, InputError

Blocks = Mapping[bytes, memoryview]


def find_blocks(container: object, wanted: set[Cid]) -> tuple[Blocks, InputError]:
    """The wanted blocks of a CAR, unverified, and the error for those that are missing.

    The search ends at the last wanted block. Tree nodes are not examined, and what follows may be malformed. If a
    block is repeated, the first one counts.
    """
    missing = InputError(DeadLetterReason.BLOCK_MISSING, "the commit came without this block")
    if not wanted or container is None:  # None: too big for the source, in protocols before Sync 1.1
        return {}, missing
    if type(container) is not bytes:
        return {}, InputError(DeadLetterReason.CAR_INVALID, f"blocks: expected bytes, got {type(container).__name__}")
    if not container:
        return {}, missing
    found: dict[bytes, memoryview] = {}
    try:
        for cid, content in car.iter_blocks(container):
            if cid in wanted and cid not in found:
                found[cid] = content
                if len(found) == len(wanted):
                    break
    except car.CarError as error:
        return found, InputError(DeadLetterReason.CAR_INVALID, str(error))
    return found, missing


def read_record(block: bytes, cid: Cid) -> dict[str, Any]:
    """The record in `block`. InputError if `block` does not have this CID, or is not a record."""
    if not cid.matches(block):
        raise InputError(DeadLetterReason.BLOCK_HASH_MISMATCH, f"the block is not what its CID promises: {cid}")
    try:
        record = dagcbor.decode(block)
    except dagcbor.CborError as error:
        raise InputError(DeadLetterReason.RECORD_INVALID, str(error)) from error
    if type(record) is not dict:
        raise InputError(DeadLetterReason.RECORD_INVALID, f"a record is a map; this is {type(record).__name__}")
    return record
