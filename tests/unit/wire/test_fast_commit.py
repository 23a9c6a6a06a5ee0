"""The fast path and the strict path are one function: any frame gives the same events, dead letters and seq.

    PYTHONPATH=.venv/compiled/packages python -m tests.unit.wire.test_fast_commit 5000000

compares as many frames as that, with the compiled modules.
"""

import random
import sys
import tracemalloc

import cbor2
import pytest

from sluice_wire.collection_filter import CollectionFilter
from sluice_wire.events import DecodedFrame
from sluice_wire.fast_commit import MAX_FRAME_BYTES, decode_usual_commit
from sluice_wire.firehose import FirehoseDecoder
from tests.unit.wire.build import RECEIVED, frame, link
from tests.unit.wire.compiled import IS_COMPILED
from tests.unit.wire.random_commits import RawBytes, encode, random_frame, usual_frame

FRAMES = 100_000 if IS_COMPILED else 10_000
PARTS = 8
PATTERNS = (["*"], ["app.bsky.*"], ["app.bsky.feed.post"])


def compare(seeds: range) -> int:
    """Compare the two paths on a frame for each seed. Returns how many took the fast path."""
    filters = [CollectionFilter(patterns) for patterns in PATTERNS]
    decoders = [FirehoseDecoder(collections=patterns) for patterns in PATTERNS]
    taken = 0
    for seed in seeds:
        chance = random.Random(seed)
        data = random_frame(chance)
        which = chance.choice((0, 0, 1, 2))
        fast = decode_usual_commit(data, filters[which])
        strict = decoders[which].decode_strictly(data, received=RECEIVED)
        if fast is not None:
            taken += 1
            assert fast == strict, f"seed {seed}: {data.hex()}"
            assert fast.fingerprint is not None
        assert decoders[which].decode(data, received=RECEIVED) == strict, f"seed {seed}: {data.hex()}"
    return taken


@pytest.mark.parametrize("part", range(PARTS))
def test_both_paths_give_the_same(part: int) -> None:
    size = FRAMES // PARTS
    taken = compare(range(part * size, (part + 1) * size))
    assert taken >= size // 2, f"only {taken} of {size} frames took the fast path"


def is_taken(data: bytes) -> bool:
    """Whether the fast path decodes `data`. It then gives what the strict path gives."""
    fast = decode_usual_commit(data, CollectionFilter(["*"]))
    strict = FirehoseDecoder(collections=["*"]).decode_strictly(data, received=RECEIVED)
    assert fast in (None, strict)
    return fast is not None


def test_a_usual_commit_takes_the_fast_path() -> None:
    record = {"$type": "app.bsky.feed.post", "text": "ü\n\0", "refs": [link(b"\x01\x55\x12\x20" + bytes(32)), b"\xff"]}
    assert is_taken(usual_frame())
    assert is_taken(usual_frame(dict(sorted(record.items(), key=lambda item: (len(item[0]), item[0])))))


@pytest.mark.parametrize(
    "data",
    [
        usual_frame({"a": 1.5}),
        usual_frame({"a": 1 << 63}),
        usual_frame(RawBytes(b"\xa2\x62bb\x01\x61a\x02")),
        usual_frame({"a": cbor2.CBORTag(42, b"\0\x12\x20" + bytes(32))}),
        usual_frame({"a": "x" * MAX_FRAME_BYTES}),
        usual_frame(time=None),
        usual_frame(blocks=b""),
        usual_frame(commit=None),
        usual_frame(ops=[]),
        frame("#account", {"seq": 1, "did": "did:plc:a", "active": True}),
        encode({"op": -1}) + encode({"error": "FutureCursor"}),
        b"",
    ],
    ids=range(12),
)
def test_anything_else_does_not(data: bytes) -> None:
    assert not is_taken(data)


@pytest.mark.parametrize("head", [b"\x99\x3f\x00", b"\x98\xff", b"\x9a\x00\x01\x00\x00"])
def test_the_memory_of_arrays_is_limited(head: bytes) -> None:
    """A decoder that allocates an array before it reads the items would need very much."""
    data = usual_frame(RawBytes(b"\xa1\x61a" + head * (8000 // len(head))))
    tracemalloc.start()
    try:
        decoded = FirehoseDecoder(collections=["*"]).decode(data, received=RECEIVED)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(decoded, DecodedFrame)
    assert peak < 24 * 2**20


if __name__ == "__main__":
    count = int(sys.argv[1])
    for begin in range(FRAMES, FRAMES + count, FRAMES):
        print(  # noqa: T201
            f"{begin}: {compare(range(begin, begin + FRAMES))} of {FRAMES} took the fast path", flush=True
        )
