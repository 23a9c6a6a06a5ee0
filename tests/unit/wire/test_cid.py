"""Parsing CIDs, and checking blocks against them."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_wire.cid import MAX_LENGTH, Cid

RECORD = b"\x01\x71\x12\x20" + hashlib.sha256(b"block").digest()


@given(st.binary(min_size=32, max_size=32), st.sampled_from([0x55, 0x71]))
def test_text_is_base32(digest: bytes, codec: int) -> None:
    raw = bytes([1, codec, 0x12, 0x20]) + digest
    assert str(Cid.parse(raw)) == "b" + base64.b32encode(raw).decode().rstrip("=").lower()


@pytest.mark.parametrize(
    "raw",
    [
        b"\x01\x55\x00\x03abc",  # identity
        b"\x01\x71\x13\x40" + bytes(64),  # SHA-512
        b"\x01\x85\x01\x12\x20" + bytes(32),  # DAG-JSON, a code of two bytes
    ],
)
def test_unusual_cids_are_read(raw: bytes) -> None:
    cid = Cid.parse(raw)
    assert base64.b32decode(str(cid)[1:].upper() + "=" * (-len(str(cid)[1:]) % 8)) == raw
    assert not cid.is_record


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "cut short"),
        (b"\x12\x20" + bytes(32), "not a CIDv1"),  # version 0
        (RECORD[:-1], "cut short"),
        (RECORD + b"\0", "1 bytes follow"),
        (b"\x01\x71\x12\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "most that is read"),
        (b"\x01\x71\x12" + b"\xff" * 20, "more than 9 bytes"),
        (b"\x01" * 100_000, "most that is read"),
        (b"\x01\x71\x12\x7d" + bytes(125), "most that is read"),
    ],
)
def test_invalid_cids(raw: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Cid.parse(raw)


@given(st.binary(max_size=2 * MAX_LENGTH))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    try:
        cid = Cid.parse(raw)
    except ValueError:
        return
    assert bytes(cid) == raw
    assert str(cid).startswith("b")


def test_a_cid_matches_only_its_block() -> None:
    cid = Cid.parse(RECORD)
    assert cid.matches(b"block")
    assert cid.matches(memoryview(b"block"))
    assert not cid.matches(b"Block")
    assert not Cid.parse(b"\x01\x55\x12\x20" + RECORD[4:]).matches(b"block")  # codec raw: not the CID of a record
