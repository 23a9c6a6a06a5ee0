"""Finding a block by walking over the CAR of a usual commit."""

import pytest

from sluice_wire.canonical_cbor import UnusualError
from sluice_wire.usual_car import find_block
from tests.unit.wire.build import car, cid_of, encode, link, varint

BLOCK = b"the record"


def pair(block: bytes) -> tuple[bytes, bytes]:
    return cid_of(block), block


def find(container: bytes, block: bytes = BLOCK) -> bytes:
    """Find `block` in a frame that has something before the CAR and after it."""
    before, cid = b"before", cid_of(block)
    data = before + container + b"after" + cid
    return find_block(data, len(before), len(before) + len(container), len(data) - len(cid))


@pytest.mark.parametrize("size", [0, 1, 91, 92, 93, 127, 128, 16_347, 16_348, 60_000])
def test_a_block_of_any_size(size: int) -> None:
    """Around these sizes the varint before the CID gets another byte."""
    block = bytes(size)
    assert find(car([pair(b"x"), pair(block), pair(b"y")]), block) == block


def test_a_cid_in_a_tree_node_is_no_block() -> None:
    node = encode({"entries": [link(cid_of(BLOCK))] * 5})
    for order in ([pair(node), pair(BLOCK)], [pair(BLOCK), pair(node)]):
        assert find(car(order)) == BLOCK
    with pytest.raises(UnusualError):
        find(car([pair(node)]))


def test_only_a_block_whose_hash_fits_counts() -> None:
    wrong = (cid_of(BLOCK), b"another record")
    assert find(car([wrong, pair(BLOCK)])) == BLOCK
    with pytest.raises(UnusualError):
        find(car([wrong]))


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        car([]),
        car([pair(b"x"), pair(BLOCK)])[:-1],
        car([pair(b"x")]) + varint(35) + bytes(35) + car([pair(BLOCK)]),
        car([pair(b"x")]) + varint(1 << 14)[:-1] + b"\xff\xff\xff\x7f" + BLOCK,
        varint(1 << 20),
        b"\xff" * 50,
    ],
    ids=range(7),
)
def test_a_damaged_car_is_left_to_the_strict_path(damaged: bytes) -> None:
    with pytest.raises((UnusualError, IndexError)):
        find(damaged)
