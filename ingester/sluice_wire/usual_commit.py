"""The usual form of a #commit, and where its parts stand. Pure.

Nearly all frames of a firehose are commits in one form: canonical DAG-CBOR, the fields of the lexicon in the one order
that this makes, few operations, no blobs. `read_commit` proves that a frame has this form, with all types, lengths and
characters as they must be. Only the blocks are not examined.

mypyc compiles this module: see docs/performance.md. `i64` is an integer of the machine then, and `int` otherwise.
"""

from typing import Final

from mypy_extensions import i64, mypyc_attr

from sluice_common.seqs import MAX_SEQ
from sluice_wire.canonical_cbor import (
    LINK_BYTES,
    RECORD_LINK,
    UnusualError,
    expect,
    expect_all,
    read_argument,
    read_number,
    read_text,
)
from sluice_wire.cid import CID_BYTES

DID_BYTES: Final = 32
TID_BYTES: Final = 13
TIME_BYTES: Final = 24
LENGTH_BYTES: Final = 2  # before the blocks

# A text of n bytes is \x60 + n and the text, or \x78, n and the text. A map or list begins in the same way with its
# number of items. So "\x63seq" is the key "seq".
_HEADERS: Final = (b"\xa2\x61t\x67#commit\x62op\x01", b"\xa2\x62op\x01\x61t\x67#commit")
_HEADER_BYTES: Final = len(_HEADERS[0])
_NULL: Final = 0xF6
_BOOLEANS: Final = (0xF4, 0xF5)
_LIST_OF_0: Final = 0x80
_MAP_OF_0: Final = 0xA0
_MAX_OPERATIONS: Final = 23  # as many as fit into the first byte of a list

_LETTERS: Final = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_IN_COLLECTION: Final = bytes([code in _LETTERS + b".-" for code in range(256)])
_IN_RKEY: Final = bytes([code in _LETTERS + b"._:~-" for code in range(256)])
_IN_TID: Final = bytes([code in b"234567abcdefghijklmnopqrstuvwxyz" for code in range(256)])
_TIME_FORM: Final = b"20dd-dd-ddTdd:dd:dd.dddZ"
_DIGIT: Final = ord("d")
_DAYS: Final = bytes([0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])  # the most days of each month


@mypyc_attr(acyclic=True, free_list_len=1)
class UsualOperation:
    """Where the parts of an operation stand. The collection ends at `slash`, and the rkey at `end`.

    `cid` is 0 if there is none.
    """

    def __init__(self, *, action: bytes, cid: i64, collection: i64, slash: i64, end: i64) -> None:
        self.action = action
        self.cid = cid
        self.collection = collection
        self.slash = slash
        self.end = end


@mypyc_attr(acyclic=True, free_list_len=1)
class UsualCommit:
    """The `seq` of a commit, and where its other parts stand. All have the lengths above.

    `time_field` is where the key of `time` stands.
    """

    def __init__(
        self,
        *,
        operations: list[UsualOperation],
        rev: i64,
        seq: i64,
        did: i64,
        time_field: i64,
        time: i64,
        blocks: i64,
        blocks_end: i64,
        commit: i64,
    ) -> None:
        self.operations = operations
        self.rev = rev
        self.seq = seq
        self.did = did
        self.time_field = time_field
        self.time = time
        self.blocks = blocks
        self.blocks_end = blocks_end
        self.commit = commit


def has_header(data: bytes) -> bool:
    """Whether the header of the frame `data` is that of a #commit."""
    return data[:_HEADER_BYTES] in _HEADERS


def read_commit(data: bytes) -> UsualCommit:
    """The parts of the frame `data`, which has such a header. UnusualError or IndexError if it has another form."""
    operations: list[UsualOperation] = []
    at = _read_operations(data, expect(data, _HEADER_BYTES + 1, b"\x63ops"), operations)
    rev = expect(data, at, b"\x63rev\x6d")
    at = expect(data, expect_all(data, rev, TID_BYTES, _IN_TID), b"\x63seq")
    seq, end = read_argument(data, at)
    if data[at] >= 0x20 or not 0 < seq <= MAX_SEQ:
        raise UnusualError
    did = expect(data, end, b"\x64repo\x78\x20")
    time_field = expect_all(data, expect(data, did, b"did:plc:"), 24, _IN_TID)
    time = expect(data, time_field, b"\x64time\x78\x18")
    _check_time(data, time)
    at = expect(data, time + TIME_BYTES, b"\x65blobs\x80\x65since")
    if data[at] == _NULL:
        at += 1
    else:
        at = expect_all(data, expect(data, at, b"\x6d"), TID_BYTES, _IN_TID)
    at = expect(data, at, b"\x66blocks\x59")
    blocks: i64 = at + LENGTH_BYTES
    blocks_end: i64 = blocks + read_number(data, at, LENGTH_BYTES)
    commit = _expect_link(data, expect(data, blocks_end, b"\x66commit"))
    at = expect(data, commit + CID_BYTES, b"\x66rebase\xf4\x66tooBig")
    if data[at] not in _BOOLEANS:
        raise UnusualError
    at += 1
    fields: i64 = 11
    if at < len(data):
        at = _expect_link(data, expect(data, at, b"\x68prevData")) + CID_BYTES
        fields = 12
    if at != len(data) or data[_HEADER_BYTES] != _MAP_OF_0 + fields:
        raise UnusualError
    return UsualCommit(
        operations=operations,
        rev=rev,
        seq=seq,
        did=did,
        time_field=time_field,
        time=time,
        blocks=blocks,
        blocks_end=blocks_end,
        commit=commit,
    )


def _read_operations(data: bytes, at: i64, operations: list[UsualOperation]) -> i64:
    """Append the operations of the list at `at`. Returns where it ends."""
    count: i64 = i64(data[at]) - _LIST_OF_0
    if not 0 < count <= _MAX_OPERATIONS:
        raise UnusualError
    at += 1
    for _ in range(count):
        at = _read_operation(data, at, operations)
    return at


def _read_operation(data: bytes, at: i64, operations: list[UsualOperation]) -> i64:
    fields: i64 = i64(data[at]) - _MAP_OF_0
    at = expect(data, at + 1, b"\x63cid")
    cid: i64 = 0
    if data[at] == _NULL:
        at += 1
    else:
        cid = _expect_link(data, at)
        at = cid + CID_BYTES
    collection, end = read_text(data, expect(data, at, b"\x64path"))
    slash: i64 = collection
    while _IN_COLLECTION[data[slash]]:
        slash += 1
    if data[slash] != ord("/") or slash == collection or end <= slash + 1:
        raise UnusualError
    at = expect_all(data, slash + 1, end - slash - 1, _IN_RKEY)
    if fields == 4:
        at = _expect_link(data, expect(data, at, b"\x64prev")) + CID_BYTES
    elif fields != 3:
        raise UnusualError
    at = expect(data, at, b"\x66action\x66")
    action = data[at : at + 6]
    if action not in (b"create", b"update", b"delete"):
        raise UnusualError
    operations.append(UsualOperation(action=action, cid=cid, collection=collection, slash=slash, end=end))
    return at + 6


def _expect_link(data: bytes, at: i64) -> i64:
    """Where the CID of the link begins that must stand at `at`."""
    expect(data, at, RECORD_LINK)
    cid: i64 = at + LINK_BYTES
    if cid + CID_BYTES > len(data):
        raise UnusualError
    return cid


def _check_time(data: bytes, at: i64) -> None:
    """UnusualError if there is no time at `at`: in UTC with milliseconds, from 2020 to 2099, without leap seconds."""
    for place in range(TIME_BYTES):
        form: i64 = _TIME_FORM[place]
        code: i64 = data[at + place]
        if code != form and not (form == _DIGIT and 48 <= code <= 57):
            raise UnusualError
    year: i64 = _two_digits(data, at + 2)
    month: i64 = _two_digits(data, at + 5)
    day: i64 = _two_digits(data, at + 8)
    if (
        year < 20
        or not 0 < month <= 12
        or not 0 < day <= i64(_DAYS[month])
        or (month == 2 and day == 29 and year % 4)
        or _two_digits(data, at + 11) > 23
        or _two_digits(data, at + 14) > 59
        or _two_digits(data, at + 17) > 59
    ):
        raise UnusualError


def _two_digits(data: bytes, at: i64) -> i64:
    return i64(data[at]) * 10 + i64(data[at + 1]) - 11 * 48
