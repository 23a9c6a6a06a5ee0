"""Decoding the usual #commit in the fewest steps. Pure.

Nearly all frames of a firehose are commits in one form: canonical DAG-CBOR, the fields of the lexicon, few operations,
small records. The regular expressions below are the grammar of this form. A frame that matches them is one, with all
types, lengths and characters as they must be, so no decoder is needed for it. Only the records are decoded.

For every other frame `decode_usual_commit` returns None, and the strict path decodes it: `event_stream` and what it
calls. So this module has no errors and no dead letters. Whatever it returns is what the strict path returns for the
same frame, byte for byte: `tests/unit/wire/test_fast_commit.py` compares the two.

cbrrr decodes the records. It refuses more than the strict decoder: everything that is not canonical, and floats. It
refuses less in three things, which are checked here: the size of integers, the form of CIDs, and the memory of long
arrays, because it allocates an array before it reads the items. The depth of a record is limited by orjson, as in the
strict path.
"""

import re
from datetime import datetime
from typing import Any, Final

import cbrrr
import orjson

from sluice_common.seqs import MAX_SEQ
from sluice_wire.block_finder import BlockFinder
from sluice_wire.collection_filter import CollectionFilter
from sluice_wire.events import DecodedFrame, EventKind

MAX_FRAME_BYTES: Final = 64 * 1024
"""The frames of a relay have 5.5 KB on average."""

_MAX_RECORD_BYTES: Final = 8 * 1024
_MAX_UNCOUNTED_BYTES: Final = 2048
_MAX_ARRAY_BYTES: Final = 4 * 1024 * 1024
_MAX_OPERATIONS: Final = 23  # as many as fit into the first byte of a list

# A text of n bytes is \x60 + n and the text, or \x78, n and the text. A map or list begins in the same way with its
# number of items. So "\x63seq" is the key "seq".
_HEADERS: Final = (b"\xa2\x61t\x67#commit\x62op\x01", b"\xa2\x62op\x01\x61t\x67#commit")
_OPERATIONS: Final = b"\x63ops"
_BODY_AT: Final = len(_HEADERS[0])
_OPERATIONS_AT: Final = _BODY_AT + 1 + len(_OPERATIONS)
_FIELDS_IN_BODY: Final = 0xAB  # a map of 11
_FIELDS_IN_OPERATION: Final = 0xA3  # a map of 3

_LINK: Final = b"\xd8\x2a\x58\x25\x00"  # a link with a CID of 36 bytes
_RECORD_LINK: Final = _LINK + b"\x01\x71\x12\x20"
_BLOB_LINK: Final = _LINK + b"\x01\x55\x12\x20"
_TAG: Final = _LINK[:2]
_TAG_BYTE: Final = _LINK[:1]  # a search for one byte takes a fifth of the time


def _grammar(pattern: bytes) -> re.Pattern[bytes]:
    link = re.escape(_LINK) + rb"(\x01\x71\x12\x20.{32})"
    return re.compile(pattern.replace(b"LINK", link).replace(b"TID", rb"[2-7a-z]{13}"), re.DOTALL | re.VERBOSE)


_OPERATION: Final = _grammar(
    rb"""
    ([\xa3\xa4])
    \x63cid (?: LINK | \xf6 )
    \x64path ( \x78. | [\x60-\x77] ) ( [a-zA-Z0-9.-]+ ) / ( [a-zA-Z0-9._:~-]+? )
    (?: \x64prev LINK )?
    \x66action \x66(create|update|delete)
    """
)
_FIELDS: Final = _grammar(
    rb"""
    \x63rev \x6d(TID)
    \x63seq (?: \x1a(.{4}) | \x1b(.{8}) )
    \x64repo \x78\x20(did:plc:[2-7a-z]{24})
    \x64time \x78\x18(20[2-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\.[0-9]{3}Z)
    \x65blobs \x80
    \x65since (?: \x6dTID | \xf6 )
    \x66blocks \x59(..)
    """
)
_LAST_FIELDS: Final = _grammar(
    rb"""
    \x66commit LINK
    \x66rebase \xf4
    \x66tooBig [\xf4\xf5]
    (?: \x68prevData LINK )?
    \Z
    """
)
_LONG_ARRAY: Final = b"\x99"  # the first byte of an array whose length has two bytes
_LONG_INTEGERS: Final = (b"\x1b", b"\x3b")  # the first byte of one that takes 8 more


class _UnusualError(Exception):
    """The strict path must decode this frame."""


def decode_usual_commit(data: bytes, *, collections: CollectionFilter) -> DecodedFrame | None:
    """The events of the frame `data`. None if it is anything but a usual #commit without any fault."""
    if not data.startswith(_HEADERS) or len(data) > MAX_FRAME_BYTES:
        return None
    try:
        return _decode(data, collections)
    except Exception:  # noqa: BLE001 - whatever it is, the strict path decides
        return None


def _decode(data: bytes, collections: CollectionFilter) -> DecodedFrame:
    operations, at = _read_operations(data)
    fields = _FIELDS.match(data, at)
    if fields is None:
        raise _UnusualError
    rev, short_seq, long_seq, did, time, length = fields.groups()
    start = fields.end()
    end = start + (length[0] << 8 | length[1])
    last = _LAST_FIELDS.match(data, end)
    seq = int.from_bytes(short_seq or long_seq)
    if last is None or data[_BODY_AT] != _FIELDS_IN_BODY + (last[2] is not None) or not 0 < seq <= MAX_SEQ:
        raise _UnusualError
    source_time = time.decode()
    datetime.fromisoformat(source_time)  # months, days and hours must exist

    finder = BlockFinder(data, start, end)
    common = b'"seq":%d,"time":"%b","did":"%b","commit":"%b","rev":"%b"' % (seq, time, did, _text_of(last[1]), rev)
    filtered = 0
    events: list[bytes] = []
    kinds: list[EventKind] = []
    for action, collection, rkey, cid in operations:
        if not collections.accepts(collection.decode()):
            filtered += 1
            continue
        if action == b"delete":
            events.append(b'{"type":"delete",%b,"collection":"%b","rkey":"%b"}' % (common, collection, rkey))
            kinds.append("delete")
            continue
        if cid is None or (block := finder.find(cid)) is None:
            raise _UnusualError
        events.append(
            b'{"type":"%b",%b,"collection":"%b","rkey":"%b","cid":"%b",%b'
            % (action, common, collection, rkey, _text_of(cid), _record_member(block))
        )
        kinds.append("create" if action == b"create" else "update")
    return DecodedFrame(seq=seq, time=source_time, events=tuple(events), kinds=tuple(kinds), filtered=filtered)


def _read_operations(data: bytes) -> tuple[list[tuple[bytes, bytes, bytes, bytes | None]], int]:
    """Action, collection, rkey and CID of each operation, and where they end in `data`."""
    count = data[_OPERATIONS_AT] - 0x80
    if data[_BODY_AT + 1 : _OPERATIONS_AT] != _OPERATIONS or not 0 < count <= _MAX_OPERATIONS:
        raise _UnusualError
    operations = []
    at = _OPERATIONS_AT + 1
    for _ in range(count):
        match = _OPERATION.match(data, at)
        if match is None:
            raise _UnusualError
        head, cid, path, collection, rkey, prev, action = match.groups()
        length = path[1] if len(path) == 2 else path[0] - 0x60
        if length != len(collection) + 1 + len(rkey) or head[0] != _FIELDS_IN_OPERATION + (prev is not None):
            raise _UnusualError
        operations.append((action, collection, rkey, cid))
        at = match.end()
    return operations, at


def _record_member(block: bytes) -> bytes:
    """The end of the event: its record and the closing bracket."""
    if len(block) > _MAX_UNCOUNTED_BYTES and (
        len(block) > _MAX_RECORD_BYTES or block.count(_LONG_ARRAY) * 8 * len(block) > _MAX_ARRAY_BYTES
    ):
        raise _UnusualError
    for first in _LONG_INTEGERS:
        at = block.find(first)
        while at >= 0:
            if block[at + 1] >= 0x80:
                raise _UnusualError
            at = block.find(first, at + 1)
    if _TAG_BYTE in block and block.count(_TAG) != block.count(_RECORD_LINK) + block.count(_BLOB_LINK):
        raise _UnusualError
    record = cbrrr.decode_dag_cbor(block, atjson_mode=True)
    if type(record) is not dict:
        raise _UnusualError
    return orjson.dumps({"record": record})[1:]


def _text_of(cid: bytes) -> bytes:
    link: Any = cbrrr.decode_dag_cbor(_LINK + cid, atjson_mode=True)
    text: str = link["$link"]
    return text.encode()
