"""Finding a block in a CAR by its CID and its hash."""

import random

import pytest

from sluice_wire.block_finder import BlockFinder
from sluice_wire.cid import Cid
from tests.unit.wire.build import car, cid_of, encode, link


def find(container: bytes, block: bytes) -> bytes | None:
    return BlockFinder(container).find(Cid(cid_of(block)))


def pair(block: bytes) -> tuple[bytes, bytes]:
    return cid_of(block), block


@pytest.mark.parametrize("size", [1, 2, 91, 92, 93, 127, 128, 16_347, 16_348, 70_000])
def test_a_block_of_any_size(size: int) -> None:
    """Around these sizes the varint before the CID gets another byte."""
    for seed in range(20):
        chance = random.Random(seed)
        block = chance.randbytes(size)
        # The last byte of the block before may look like a part of the length.
        before = chance.randbytes(60) + bytes([chance.choice((0, 0x7F, 0x80, 0xFF))])
        assert find(car([pair(before), pair(block), pair(b"after")]), block) == block


def test_other_places_with_the_cid_are_passed_over() -> None:
    block = b"the record"
    node = encode({"entries": [link(cid_of(block))] * 5})
    for order in ([pair(node), pair(block)], [pair(block), pair(node)]):
        assert find(car(order), block) == block


def test_only_a_block_whose_hash_fits_counts() -> None:
    block = b"the record"
    wrong = (cid_of(block), b"another record")
    assert find(car([pair(b"x"), wrong]), block) is None
    assert find(car([wrong, pair(block)]), block) == block
    assert find(car([pair(block), wrong]), block) == block


def test_damage_before_or_after_the_block() -> None:
    block = b"the record"
    container = car([pair(b"first" * 40), pair(block), pair(b"last")])
    assert find(b"\xff" * 9 + container[9:], block) == block
    assert find(container[:-6], block) == block
    assert find(container[: container.index(block) + 3], block) is None


def test_a_block_that_is_cut_is_not_found() -> None:
    block = b"the record"
    container = car([pair(b"x"), pair(block)])
    assert find(container[:-1], block) is None
    assert find(container[container.index(cid_of(block)) :], block) is None


def test_another_kind_of_cid_is_not_found() -> None:
    block = b"a blob"
    blob = cid_of(block, 0x55)
    assert BlockFinder(car([(blob, block)])).find(Cid(blob)) is None


def test_the_work_is_limited() -> None:
    """Each of many places could be a block of almost the whole container."""
    block = b"the record"
    fake = b"\xff\xff\x06" + cid_of(block)
    finder = BlockFinder(fake * 5000)
    assert finder.find(Cid(cid_of(block))) is None
    assert finder._bytes_to_hash < 39 * 5000
