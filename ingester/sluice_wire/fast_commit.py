"""Decoding the usual #commit with faster libraries. Pure.

Nearly all frames of a firehose are commits in the canonical form of DAG-CBOR, with a few operations and small records.
This module decodes only these, and only if nothing in them is unusual. For every other frame it returns None, and the
strict path decodes it: `event_stream` and what it calls. So this module contains no error and no dead letter. Whatever
it returns is what the strict path returns for the same frame, byte for byte. `tests/unit/wire/test_fast_commit.py`
compares the two.

cbrrr is the decoder here. It refuses more than the strict decoder: everything that is not canonical, and floats. It
refuses less in three things, which are checked here: the size of integers, the form of CIDs, and the memory of long
arrays, because it allocates an array before it reads the items. The depth of a record is limited by orjson, as in the
strict path.
"""

import re
from typing import Any, Final, Literal

import cbrrr

from sluice_common.seqs import MAX_SEQ
from sluice_wire import datajson, fields
from sluice_wire.block_finder import BlockFinder
from sluice_wire.cid import Cid
from sluice_wire.collection_filter import CollectionFilter
from sluice_wire.events import DecodedFrame, EventKind
from sluice_wire.timestamps import normalize_timestamp, plausible_timestamp

MAX_FRAME_BYTES: Final = 16 * 1024
"""The frames of a relay have 5.5 KB on average."""

_MAX_BODY_BYTES: Final = 2048
_MAX_RECORD_BYTES: Final = 8 * 1024
_MAX_UNCOUNTED_BYTES: Final = 2048
_MAX_ARRAY_BYTES: Final = 4 * 1024 * 1024

_ACTIONS: Final = ("create", "update", "delete")
_HEADERS: Final = (b"\xa2\x61t\x67#commit\x62op\x01", b"\xa2\x62op\x01\x61t\x67#commit")
_HEADER_BYTES: Final = len(_HEADERS[0])
_BLOCKS_KEY: Final = b"\x66blocks"
_BLOCKS: Final = _BLOCKS_KEY + b"\x59"  # a byte string whose length has two bytes
_EMPTY_BYTES: Final = b"\x40"
_LONG_ARRAY: Final = b"\x99"  # the first byte of an array whose length has two bytes
_LARGE_INTEGER: Final = re.compile(rb"[\x1b\x3b][\x80-\xff]")
_TAG: Final = b"\xd8\x2a"
_LINK: Final = _TAG + b"\x58\x25\x00"  # a link with a CID of 36 bytes
_RECORD_LINK: Final = _LINK + b"\x01\x71\x12\x20"
_BLOB_LINK: Final = _LINK + b"\x01\x55\x12\x20"


class _UnusualError(Exception):
    """The strict path must decode this frame."""


def decode_usual_commit(data: bytes, *, collections: CollectionFilter) -> DecodedFrame | None:
    """The events of the frame `data`. None if it is anything but a usual #commit without any fault."""
    if len(data) > MAX_FRAME_BYTES or not data.startswith(_HEADERS):
        return None
    try:
        return _decode(data, collections)
    except Exception:  # noqa: BLE001 - whatever it is, the strict path decides
        return None


def _decode(data: bytes, collections: CollectionFilter) -> DecodedFrame:
    body, start, end = _read_body(data)
    seq, did, rev, commit, ops = body["seq"], body["repo"], body["rev"], body["commit"], body["ops"]
    source_time = normalize_timestamp(body["time"])
    if (
        type(seq) is not int
        or not 0 < seq <= MAX_SEQ
        or source_time is None
        or type(rev) is not str
        or not rev
        or not commit.is_record
        or not fields.is_did(did)
        or type(ops) is not list
        or not ops
    ):
        raise _UnusualError
    finder = BlockFinder(data, start, end)
    commit_text = _text_of(commit)
    filtered = 0
    events: list[bytes] = []
    kinds: list[EventKind] = []
    for op in ops:
        action, collection, rkey, cid = _read_operation(op)
        if not collections.accepts(collection):
            filtered += 1
            continue
        event: dict[str, Any] = {
            "type": action,
            "seq": seq,
            "time": source_time,
            "did": did,
            "commit": commit_text,
            "rev": rev,
            "collection": collection,
            "rkey": rkey,
        }
        if action != "delete":
            if cid is None or (block := finder.find(cid)) is None:
                raise _UnusualError
            event["cid"] = _text_of(cid)
            event["record"] = _read_record(block)
        events.append(datajson.dumps(event))
        kinds.append(action)
    return DecodedFrame(
        seq=seq, time=plausible_timestamp(source_time), events=tuple(events), kinds=tuple(kinds), filtered=filtered
    )


def _read_body(data: bytes) -> tuple[Any, int, int]:
    """The message without its CAR, and where the CAR begins and ends in `data`.

    The CAR is cut out, so that little is decoded. If its key occurs once in what is left, it stands where the decoder
    found it, and not inside a text.
    """
    at = data.find(_BLOCKS)
    length = at + len(_BLOCKS)
    start = length + 2
    end = start + (data[length] << 8 | data[length + 1])
    rest = data[_HEADER_BYTES : length - 1] + _EMPTY_BYTES + data[end:]
    if at < 0 or end > len(data) or len(rest) > _MAX_BODY_BYTES or rest.count(_BLOCKS_KEY) != 1:
        raise _UnusualError
    body: Any = cbrrr.decode_dag_cbor(rest, cid_ctor=Cid)
    if body["blocks"] != b"":
        raise _UnusualError
    return body, start, end


def _read_operation(op: Any) -> tuple[Literal["create", "update", "delete"], str, str, Cid | None]:
    """Action, collection, rkey and CID."""
    action, cid = op["action"], op["cid"]
    collection, _, rkey = op["path"].partition("/")
    if (
        action not in _ACTIONS
        or not collection
        or not rkey
        or "/" in rkey
        or (cid is not None and not cid.is_record)
        # Something else in it may be invalid, and the operation with it.
        or (len(op) > 3 and not (len(op) == 4 and op["prev"].is_record))
    ):
        raise _UnusualError
    return action, collection, rkey, cid


def _read_record(block: bytes) -> dict[str, Any]:
    """The record in `block` in its JSON form."""
    if len(block) > _MAX_UNCOUNTED_BYTES and (
        len(block) > _MAX_RECORD_BYTES or block.count(_LONG_ARRAY) * 8 * len(block) > _MAX_ARRAY_BYTES
    ):
        raise _UnusualError
    if (b"\x1b" in block or b"\x3b" in block) and _LARGE_INTEGER.search(block):
        raise _UnusualError
    if (links := block.count(_TAG)) and links != block.count(_RECORD_LINK) + block.count(_BLOB_LINK):
        raise _UnusualError
    record = cbrrr.decode_dag_cbor(block, atjson_mode=True)
    if type(record) is not dict:
        raise _UnusualError
    return record


def _text_of(cid: Cid) -> str:
    link: Any = cbrrr.decode_dag_cbor(_LINK + cid, atjson_mode=True)
    return link["$link"]  # type: ignore[no-any-return]
