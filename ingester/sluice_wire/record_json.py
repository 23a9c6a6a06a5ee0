"""Writing a record in DAG-CBOR as JSON, without building it in between. Pure.

Only what is canonical is written. Everything else is refused: keys out of order, heads that are longer than need be,
integers beyond 64 bits with a sign, tags other than links, and floats, because JSON has several forms for one. So
whatever is written is what `dagcbor` and `datajson` give for the same bytes.

https://ipld.io/specs/codecs/dag-cbor/spec/
https://atproto.com/specs/data-model

mypyc compiles this module: see docs/performance.md. `i64` is an integer of the machine then, and `int` otherwise.
"""

import re
from binascii import b2a_base64
from typing import Final

import orjson
from librt.strings import BytesWriter
from mypy_extensions import i64

from sluice_wire.canonical_cbor import (
    BLOB_LINK,
    BYTES,
    LINK_BYTES,
    LIST,
    MAP,
    RECORD_LINK,
    TEXT,
    UnusualError,
    read_argument,
    read_number,
    read_string,
    read_text,
)
from sluice_wire.cid import BASE32_LETTERS, CID_BYTES, DIGEST_AT

MAX_DEPTH: Final = 32
"""Containers within containers. Relays stop there too."""

_IS_SPECIAL: Final = bytes([code < 0x20 or code >= 0x80 or code in b'"\\' for code in range(256)])
"""1 for each byte of a text that needs an escape in JSON, or may be no UTF-8."""
_ESCAPED: Final = re.compile(rb'[\x00-\x1f"\\]')
_LETTERS: Final = BASE32_LETTERS
_LINKS: Final = (RECORD_LINK, BLOB_LINK)


def record_json(block: bytes) -> bytes:
    """The JSON text of the record `block`. UnusualError or IndexError if it is not canonical, usual, and a map."""
    writer = BytesWriter()
    write_record(block, writer)
    return writer.getvalue()


def write_record(block: bytes, writer: BytesWriter) -> None:
    """Write the JSON text of the record `block`. Raises the same as `record_json`."""
    if block[0] >> 5 != MAP or _write_value(block, 0, 0, writer) != len(block):
        raise UnusualError


def write_cid(data: bytes, at: i64, writer: BytesWriter) -> None:
    """Write the text of the CID whose 36 bytes begin at `at`: "b" and base32 in lower case."""
    writer.append(ord("b"))
    end: i64 = at + CID_BYTES - 1
    while at < end:
        group: i64 = read_number(data, at, 5)
        shift: i64 = 35
        while shift >= 0:
            writer.append(_LETTERS[group >> shift & 31])
            shift -= 5
        at += 5
    last: i64 = data[at]
    writer.append(_LETTERS[last >> 3])
    writer.append(_LETTERS[last << 2 & 31])


def _write_value(data: bytes, at: i64, depth: i64, writer: BytesWriter) -> i64:  # noqa: PLR0911 (one return for each type)
    """Write the value whose head is at `at`. Returns where it ends."""
    head: i64 = data[at]
    major: i64 = head >> 5
    if major == TEXT:
        return _write_text(data, at, writer)
    if major == MAP:
        return _write_map(data, at, depth, writer)
    if major == LIST:
        return _write_list(data, at, depth, writer)
    if major < BYTES:
        return _write_integer(data, at, writer)
    if major == BYTES:
        return _write_bytes(data, at, writer)
    if head == 0xD8:
        return _write_link(data, at, writer)
    if head == 0xF4:
        writer.write(b"false")
    elif head == 0xF5:
        writer.write(b"true")
    elif head == 0xF6:
        writer.write(b"null")
    else:
        raise UnusualError
    return at + 1


def _write_text(data: bytes, at: i64, writer: BytesWriter) -> i64:
    """Most texts are short and plain. So each character is copied as soon as it is examined."""
    start, end = read_string(data, at)
    before: i64 = len(writer)
    writer.append(ord('"'))
    at = start
    while at < end:
        code: i64 = data[at]
        if _IS_SPECIAL[code]:
            writer.truncate(before)
            _write_special_text(data[start:end], writer)
            return end
        writer.append(data[at])
        at += 1
    writer.append(ord('"'))
    return end


def _write_special_text(text: bytes, writer: BytesWriter) -> None:
    # Only an escape needs orjson.
    characters = text.decode()  # raises if it is no UTF-8
    if _ESCAPED.search(text):
        writer.write(orjson.dumps(characters))
    else:
        writer.append(ord('"'))
        writer.write(text)
        writer.append(ord('"'))


def _write_bytes(data: bytes, at: i64, writer: BytesWriter) -> i64:
    start, end = read_string(data, at)
    writer.write(b'{"$bytes":"')
    writer.write(b2a_base64(data[start:end], newline=False).rstrip(b"="))
    writer.write(b'"}')
    return end


def _write_map(data: bytes, at: i64, depth: i64, writer: BytesWriter) -> i64:
    """Keys are in the order of their length, then of their bytes."""
    if depth == MAX_DEPTH:
        raise UnusualError
    count, at = read_argument(data, at)
    key_start: i64 = 0
    key_end: i64 = -1
    writer.append(ord("{"))
    for number in range(count):
        start, end = read_text(data, at)
        if end - start <= key_end - key_start and (
            end - start < key_end - key_start or data[key_start:key_end] >= data[start:end]
        ):
            raise UnusualError
        key_start, key_end = start, end
        if number:
            writer.append(ord(","))
        at = _write_text(data, at, writer)
        writer.append(ord(":"))
        at = _write_value(data, at, depth + 1, writer)
    writer.append(ord("}"))
    return at


def _write_list(data: bytes, at: i64, depth: i64, writer: BytesWriter) -> i64:
    if depth == MAX_DEPTH:
        raise UnusualError
    count, at = read_argument(data, at)
    writer.append(ord("["))
    for number in range(count):
        if number:
            writer.append(ord(","))
        at = _write_value(data, at, depth + 1, writer)
    writer.append(ord("]"))
    return at


def _write_integer(data: bytes, at: i64, writer: BytesWriter) -> i64:
    value, end = read_argument(data, at)
    writer.write(b"%d" % (value if data[at] < 0x20 else -1 - value))
    return end


def _write_link(data: bytes, at: i64, writer: BytesWriter) -> i64:
    """A link to a record or a blob: a CIDv1 with SHA-256."""
    cid: i64 = at + LINK_BYTES
    end: i64 = cid + CID_BYTES
    if data[at : cid + DIGEST_AT] not in _LINKS or end > len(data):
        raise UnusualError
    writer.write(b'{"$link":"')
    write_cid(data, cid, writer)
    writer.write(b'"}')
    return end
