"""Reading CARv1 archives, valid and broken."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_wire import car
from tests.unit.wire import build

BLOCKS = build.blocks_of({"n": 1}, {"n": 2}, {"n": 3})
CAR = build.car(BLOCKS)


def read(container: bytes) -> list[tuple[bytes, bytes]]:
    return [(cid, bytes(block)) for cid, block in car.iter_blocks(container)]


def test_blocks_are_read_in_order_with_repeats() -> None:
    shuffled = [BLOCKS[2], BLOCKS[0], BLOCKS[2], BLOCKS[1]]
    assert read(build.car(shuffled)) == shuffled
    assert read(build.car([])) == []


def test_roots() -> None:
    assert car.read_roots(CAR) == [BLOCKS[0][0]]
    assert car.read_roots(build.car(BLOCKS, roots=[BLOCKS[1][0], BLOCKS[2][0]])) == [BLOCKS[1][0], BLOCKS[2][0]]
    assert car.read_roots(build.car(BLOCKS, roots=[])) == []


def test_blocks_are_not_copied() -> None:
    _, block = next(car.iter_blocks(CAR))
    assert block.obj is CAR


@pytest.mark.parametrize("cid", [b"\x01\x55\x00\x00", b"\x01\x71\x13\x40" + bytes(64), build.cid_of(b"", 0x55)])
def test_blocks_with_other_codecs_and_hashes_are_read(cid: bytes) -> None:
    assert read(build.car([(cid, b"content"), BLOCKS[0]])) == [(cid, b"content"), BLOCKS[0]]


@pytest.mark.parametrize(
    ("container", "message"),
    [
        (b"", "cut short"),
        (b"\xff" * 100, "more than 9 bytes"),
        (b"\x00", "header of 0 bytes"),
        (build.varint(1 << 40) + b"\xa0", "header of"),
        (CAR + b"\x05abc", "2 bytes after the CAR"),
        (CAR + b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "bytes after the CAR"),
        (CAR + b"\x00", "cut short"),
        (CAR + b"\x22\x12\x20" + bytes(32), "not a CIDv1"),
        (CAR + b"\x06\x01\x71\x12\x20ab", "cut short"),
        (CAR + b"\xff\xff", "cut short"),
    ],
)
def test_a_broken_car_is_an_error_after_its_good_blocks(container: bytes, message: str) -> None:
    before: list[object] = []

    def read_on() -> None:
        before.extend((cid, bytes(block)) for cid, block in car.iter_blocks(container))

    with pytest.raises(car.CarError, match=message):
        read_on()
    assert before == (BLOCKS if container.startswith(CAR) else [])


@pytest.mark.parametrize(
    "header",
    [b"\xff", b"\x01", build.encode({"version": 2, "roots": []}), build.encode({"version": 1}),
     build.encode({"version": 1, "roots": [b"x"]})],
)  # fmt: skip
def test_headers_without_roots(header: bytes) -> None:
    container = build.varint(len(header)) + header
    with pytest.raises(car.CarError):
        car.read_roots(container)
    assert read(container) == []


def test_the_number_of_blocks_is_limited() -> None:
    def container(count: int) -> bytes:
        return build.car([]) + (build.varint(4) + b"\x01\x55\x00\x00") * count

    assert len(read(container(car.MAX_BLOCKS))) == car.MAX_BLOCKS
    with pytest.raises(car.CarError, match=f"more than {car.MAX_BLOCKS} blocks"):
        read(container(car.MAX_BLOCKS + 1))


@given(st.integers(0, len(CAR)))
def test_a_car_cut_anywhere_gives_its_first_blocks(end: int) -> None:
    try:
        found = read(CAR[:end])
    except car.CarError:
        return
    assert found == BLOCKS[: len(found)]


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(container: bytes) -> None:
    for reader in (car.read_roots, read):
        with contextlib.suppress(car.CarError):
            reader(container)
