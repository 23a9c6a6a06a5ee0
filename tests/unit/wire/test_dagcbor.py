"""Decoding DAG-CBOR: what is accepted, what is refused, and the limits."""

import cbor2
import pytest

from sluice_wire import dagcbor
from sluice_wire.cid import Cid
from tests.unit.wire.build import cid_of, encode, link

CID = cid_of(b"block")


def test_links_become_cids() -> None:
    value = dagcbor.decode(encode({"a": [link(CID)], "b": CID}))
    assert value == {"a": [CID], "b": CID}
    assert type(value["a"][0]) is Cid
    assert type(value["b"]) is bytes


def test_a_pair_of_values() -> None:
    assert dagcbor.decode_pair(encode({"op": 1}) + encode([1, "x"])) == ({"op": 1}, [1, "x"])


def test_unambiguous_deviations_are_accepted() -> None:
    assert dagcbor.decode(b"\xa2\x62bb\x01\x61a\x02") == {"bb": 1, "a": 2}  # keys out of order
    assert dagcbor.decode(b"\x1b" + bytes(7) + b"\x05") == 5  # a small number in a long form
    assert dagcbor.decode(b"\xf9\x3c\x00") == 1.0  # a float of 16 bits


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "premature end"),
        (b"\x01\x02", "1 bytes follow"),
        (b"\x82\x01", "premature end"),
        (b"\x9f\x01\xff", "indefinite"),
        (b"\xbf\x61a\x01\xff", "indefinite"),
        (b"\x5f\x41a\xff", "indefinite"),
        (b"\xa2\x61a\x01\x61a\x02", "[Dd]uplicate"),
        (b"\xa1\x01\x02", "key"),
        (b"\x62\xff\xff", "utf-8"),
        (b"\x63\xed\xa0\x80", "utf-8"),  # a surrogate
        (b"\xd8\x2a\x41\x01", "begins with 0"),
        (b"\xd8\x2a\x61x", "byte string"),
        (b"\xd8\x2a\x43\x00\x12\x20", "CIDv1"),
        (b"\x1b" + b"\xff" * 8, "64 bits"),
        (b"\x3b" + b"\xff" * 8, "64 bits"),
        (b"\x81\xa1\x61a\x1b\x80" + bytes(7), "64 bits"),
        (b"\xff", "break"),
    ],
)
def test_invalid_data(data: bytes, message: str) -> None:
    with pytest.raises(dagcbor.CborError, match=message):
        dagcbor.decode(data)


def test_the_smallest_and_largest_integers() -> None:
    assert dagcbor.decode(b"\x1b\x7f" + b"\xff" * 7) == (1 << 63) - 1
    assert dagcbor.decode(b"\x3b\x7f" + b"\xff" * 7) == -(1 << 63)


@pytest.mark.parametrize("tag", [*range(42), *range(43, 300), 1004, 43000, 55799, 1 << 40])
def test_every_tag_but_42_is_refused(tag: int) -> None:
    with pytest.raises(dagcbor.CborError, match=f"tag {tag} stands here"):
        dagcbor.decode(cbor2.dumps(cbor2.CBORTag(tag, b"\x01")))


@pytest.mark.parametrize("count", [0, 1, 3])
def test_any_other_number_of_values_is_not_a_pair(count: int) -> None:
    with pytest.raises(dagcbor.CborError):
        dagcbor.decode_pair(b"\xa0" * count)


def test_the_depth_is_limited() -> None:
    depth = dagcbor.MAX_DEPTH - 1
    value = dagcbor.decode(b"\x81" * depth + b"\x01")
    for _ in range(depth):
        (value,) = value
    assert value == 1
    for opening in (b"\x81", b"\xa1\x61a", b"\xd8\x2a"):
        with pytest.raises(dagcbor.CborError, match="depth"):
            dagcbor.decode(opening * 100_000 + b"\x01")


def test_the_number_of_items_is_limited() -> None:
    def array(count: int) -> bytes:
        return b"\x9a" + count.to_bytes(4) + b"\xa0" * count

    assert len(dagcbor.decode(array(dagcbor.MAX_ITEMS - 1))) == dagcbor.MAX_ITEMS - 1
    with pytest.raises(dagcbor.CborError, match=f"more than {dagcbor.MAX_ITEMS} values"):
        dagcbor.decode(array(dagcbor.MAX_ITEMS))


def test_strings_are_not_counted_as_items() -> None:
    text = "\N{DESERT ISLAND}" * (2 * dagcbor.MAX_ITEMS)
    assert dagcbor.decode(encode({"a": text, "b": text.encode()})) == {"a": text, "b": text.encode()}
