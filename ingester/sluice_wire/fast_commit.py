"""Decoding the usual #commit in the fewest steps. Pure.

`usual_commit` says where the parts of the frame stand, `usual_car` finds and verifies the records, and `record_json`
writes them. The events are written straight from the bytes of the frame. Nothing is built in between.

For a frame of another form `decode_usual_commit` returns None, and the strict path decodes it: `event_stream` and what
it calls. So this module has no errors and no dead letters. Whatever it returns is what the strict path returns for the
same frame, byte for byte: `tests/unit/wire/test_fast_commit.py` compares the two.

mypyc compiles this module: see docs/performance.md.
"""

from typing import Final

from librt.strings import BytesWriter

from sluice_wire.canonical_cbor import UnusualError
from sluice_wire.collection_filter import CollectionFilter
from sluice_wire.events import DecodedFrame, EventKind
from sluice_wire.fingerprint import fingerprint_of_commit
from sluice_wire.record_json import write_cid, write_record
from sluice_wire.usual_car import find_block
from sluice_wire.usual_commit import (
    DID_BYTES,
    TID_BYTES,
    TIME_BYTES,
    UsualCommit,
    UsualOperation,
    has_header,
    read_commit,
)

MAX_FRAME_BYTES: Final = 64 * 1024
"""The frames of a relay have 5.5 KB on average."""

_KIND_OF: Final[dict[bytes, tuple[EventKind, ...]]] = {
    b"create": ("create",),
    b"update": ("update",),
    b"delete": ("delete",),
}


def decode_usual_commit(data: bytes, collections: CollectionFilter) -> DecodedFrame | None:
    """The events of the frame `data`. None if it is anything but a usual #commit without any fault."""
    if len(data) > MAX_FRAME_BYTES or not has_header(data):
        return None
    try:
        return _decode(data, read_commit(data), collections)
    except Exception:  # noqa: BLE001 - whatever it is, the strict path decides
        return None


def _decode(data: bytes, commit: UsualCommit, collections: CollectionFilter) -> DecodedFrame:
    filtered = 0
    events: list[bytes] = []
    kinds: tuple[EventKind, ...] = ()
    for operation in commit.operations:
        if not collections.accepts_all:
            collection = data[operation.collection : operation.slash].decode()
            if not collections.accepts(collection):
                filtered += 1
                continue
        events.append(_event(data, commit, operation))
        kinds += _KIND_OF[operation.action]
    return DecodedFrame(
        seq=commit.seq,
        time=data[commit.time : commit.time + TIME_BYTES].decode(),
        events=tuple(events),
        kinds=kinds,
        filtered=filtered,
        fingerprint=fingerprint_of_commit(data, commit),
    )


def _event(data: bytes, commit: UsualCommit, operation: UsualOperation) -> bytes:
    writer = BytesWriter()
    writer.write(b'{"type":"')
    writer.write(operation.action)
    writer.write(b'","seq":%d,"time":"' % commit.seq)
    writer.write(data[commit.time : commit.time + TIME_BYTES])
    writer.write(b'","did":"')
    writer.write(data[commit.did : commit.did + DID_BYTES])
    writer.write(b'","commit":"')
    write_cid(data, commit.commit, writer)
    writer.write(b'","rev":"')
    writer.write(data[commit.rev : commit.rev + TID_BYTES])
    writer.write(b'","collection":"')
    writer.write(data[operation.collection : operation.slash])
    writer.write(b'","rkey":"')
    writer.write(data[operation.slash + 1 : operation.end])
    if operation.action == b"delete":
        writer.write(b'"}')
        return writer.getvalue()
    cid = operation.cid
    if not cid:
        raise UnusualError
    block = find_block(data, commit.blocks, commit.blocks_end, cid)
    writer.write(b'","cid":"')
    write_cid(data, cid, writer)
    writer.write(b'","record":')
    write_record(block, writer)
    writer.write(b"}")
    return writer.getvalue()
