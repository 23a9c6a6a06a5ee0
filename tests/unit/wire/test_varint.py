"""Reading varints."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_wire.varint import read_varint
from tests.unit.wire.build import varint


@given(st.integers(0, (1 << 63) - 1), st.binary(max_size=4), st.binary(max_size=4))
def test_a_varint_is_read_back(number: int, before: bytes, after: bytes) -> None:
    data = before + varint(number) + after
    assert read_varint(data, len(before)) == (number, len(data) - len(after))
    assert read_varint(memoryview(data), len(before)) == (number, len(data) - len(after))


@pytest.mark.parametrize("data", [b"", b"\x80", b"\xff" * 8])
def test_a_varint_that_is_cut_short(data: bytes) -> None:
    with pytest.raises(ValueError, match="cut short"):
        read_varint(data, 0)


def test_a_varint_without_end() -> None:
    with pytest.raises(ValueError, match="more than 9 bytes"):
        read_varint(b"\xff" * 1_000_000, 0)
