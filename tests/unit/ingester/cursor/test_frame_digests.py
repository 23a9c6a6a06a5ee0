"""Frame digests: written to text fields and parsed back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_ingester.cursor.frame_digests import DIGESTS_PER_FIELD, FIELDS, SLOTS, FrameDigests
from sluice_ingester.cursor.sequence import DIGEST_WINDOW


def digest(number: int) -> bytes:
    return number.to_bytes(8, "big")


def values(fields: dict[str, str]) -> list[str]:
    return [fields.get(name, "") for name in FIELDS]


@given(st.lists(st.integers(0, 700), max_size=8))
def test_the_newest_digests_are_parsed_back(sizes: list[int]) -> None:
    frames, written, added = FrameDigests(undigested_until=7), {}, 0
    for size in [1, *sizes]:
        frames, fields = frames.add([digest(added + number) for number in range(size)], cursor=b"%d" % (added + size))
        written |= fields
        added += size
    read = FrameDigests.parse(values(written), cursor=b"%d" % added, undigested_until=None)
    assert (read.digests, read.undigested_until, read.is_stored) == (frames.digests, 7, True)
    kept = len(read.digests)
    assert read.digests == [digest(number) for number in range(added - kept, added)]
    assert kept == added or DIGEST_WINDOW - DIGESTS_PER_FIELD <= kept <= DIGEST_WINDOW


def test_one_frame_writes_one_field() -> None:
    frames, first = FrameDigests().add([digest(1)], cursor=b"1")
    assert len(first) == SLOTS + 1  # overwrites every field
    _, fields = frames.add([digest(2)], cursor=b"2")
    assert set(fields) == {"frames", "frames0"}
    assert sum(map(len, fields.values())) < 50


@pytest.mark.parametrize("cursor", [b"8", b"", b"!live", None])
def test_digests_of_another_cursor_are_ignored(cursor: bytes | None) -> None:
    _, fields = FrameDigests().add([digest(1)], cursor=b"7")
    assert FrameDigests.parse(values(dict(fields)), cursor=b"7", undigested_until=None).digests == [digest(1)]
    other = FrameDigests.parse(values(dict(fields)), cursor=cursor, undigested_until=5)
    assert (other.digests, other.undigested_until, other.is_stored) == ([], 5, False)


@pytest.mark.parametrize(
    "changes",
    [
        {"frames": ""},
        {"frames": "1 7 - 0"},
        {"frames": "2 7 - 99"},
        {"frames": "2 7 - -1"},
        {"frames": "2 7 x 0"},
        {"frames0": "?"},
        {"frames0": "AAAA"},
        {"frames3": "A" * 1000},
    ],
)
def test_malformed_fields_give_no_digests(changes: dict[str, str]) -> None:
    _, fields = FrameDigests().add([digest(1)], cursor=b"7")
    assert FrameDigests.parse(values({**fields, **changes}), cursor=b"7", undigested_until=7) == FrameDigests(
        undigested_until=7
    )


def test_digests_without_a_cursor_are_parsed_back() -> None:
    _, fields = FrameDigests().add([digest(1)], cursor=None)
    assert FrameDigests.parse(values(dict(fields)), cursor=None, undigested_until=None).digests == [digest(1)]
