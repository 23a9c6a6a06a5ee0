"""The records of a commit: finding and verifying their blocks, decoding them."""

from dataclasses import dataclass, field
from typing import Any

from sluice_wire import car, dagcbor
from sluice_wire.block_finder import BlockFinder
from sluice_wire.cid import Cid
from sluice_wire.deadletter import DeadLetterReason, InputError

_MISSING = InputError(DeadLetterReason.BLOCK_MISSING, "the commit came without this block")


@dataclass(slots=True)
class Blocks:
    """The wanted blocks of a CAR. `verified` have the digest in their CID. For other CIDs `mismatched` may have a block
    with another digest. `absence` is the error for a CID in neither.
    """

    verified: dict[Cid, bytes] = field(default_factory=dict)
    mismatched: dict[Cid, bytes] = field(default_factory=dict)
    absence: InputError = _MISSING


def find_blocks(container: object, wanted: set[Cid]) -> Blocks:
    """The wanted blocks of a CAR.

    The walk ends at the last wanted block. Tree nodes are not examined, and what follows may be malformed. A block is
    taken from anywhere in the container if its hash fits, also after damage.
    """
    blocks = Blocks()
    if not wanted or container is None:  # None: too big for the source, in protocols before Sync 1.1
        return blocks
    if type(container) is not bytes:
        blocks.absence = InputError(
            DeadLetterReason.CAR_INVALID, f"blocks: expected bytes, got {type(container).__name__}"
        )
        return blocks
    try:
        _walk(container, wanted, blocks)
    except car.CarError as error:
        blocks.absence = InputError(DeadLetterReason.CAR_INVALID, str(error))
    finder = BlockFinder(container)
    for cid in wanted.difference(blocks.verified):
        if (block := finder.find(cid)) is not None:
            blocks.verified[cid] = block
    return blocks


def _walk(container: bytes, wanted: set[Cid], blocks: Blocks) -> None:
    if not container:
        return
    for key, content in car.iter_blocks(container):
        cid = Cid(key)
        if cid not in wanted or cid in blocks.verified:
            continue
        if cid.matches(content):
            blocks.verified[cid] = bytes(content)
            if len(blocks.verified) == len(wanted):
                return
        else:
            blocks.mismatched.setdefault(cid, bytes(content))


def read_record(block: bytes) -> dict[str, Any]:
    """The record in `block`, with links as `Cid`. InputError if it is none."""
    try:
        record = dagcbor.decode(block)
    except dagcbor.CborError as error:
        raise InputError(DeadLetterReason.RECORD_INVALID, str(error)) from error
    if type(record) is not dict:
        raise InputError(DeadLetterReason.RECORD_INVALID, f"a record is a map; this is {type(record).__name__}")
    return record
