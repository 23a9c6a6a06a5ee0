"""Hostile input: for any bytes the decoders return soon and use little memory."""

import json
import time
import tracemalloc
from collections.abc import Callable
from typing import Any, NoReturn

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice_wire import commit as commit_module
from sluice_wire.deadletter import DeadLetterReason
from sluice_wire.events import DecodedFrame, ErrorFrame, InfoMessage
from sluice_wire.firehose import FirehoseDecoder
from sluice_wire.labels import LabelsDecoder
from tests.unit.wire import build, published
from tests.unit.wire.build import DID, POST, RECEIVED, REV, TIME, commit, encode, frame, write

MIB = 1 << 20
LABEL = {"src": DID, "uri": DID, "val": "spam", "cts": TIME, "sig": b"s"}


def _refuse(constant: str) -> NoReturn:
    raise AssertionError(f"{constant} is not JSON")


def decode(data: bytes) -> DecodedFrame | InfoMessage | ErrorFrame:
    """Decode with both decoders, and check that the events are valid JSON."""
    labels = LabelsDecoder().decode(data, received=RECEIVED)
    answer = FirehoseDecoder(collections=["app.bsky.*"]).decode(data, received=RECEIVED)
    for each in (labels, answer):
        if isinstance(each, DecodedFrame):
            assert all(letter.reason is not DeadLetterReason.DECODER_FAULT for letter in each.dead_letters), (
                each.dead_letters
            )
            for event in each.events:
                assert json.loads(event, parse_constant=_refuse)["seq"] == each.seq
    if isinstance(answer, DecodedFrame):
        assert len(answer.events) == len(answer.kinds)
    return answer


SEEDS = [
    *(published.frame_of({"t": "#commit", "op": 1}, body) for body in published.captured_commits().values()),
    *published.captured_lifecycle(),
    frame("#commit", commit([write("app.bsky.feed.post/1", POST), write("app.bsky.feed.post/2", {"b": b"x"})], [POST])),
    frame("#labels", {"seq": 5, "labels": [LABEL, LABEL | {"neg": True}]}),
    frame("#info", {"name": "OutdatedCursor"}),
    encode({"op": -1}) + encode({"error": "FutureCursor"}),
]


@given(st.binary(max_size=4096))
def test_any_bytes_are_decoded(data: bytes) -> None:
    decode(data)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data)))
        size = draw(st.integers(0, 12))
        data[at : at + size] = draw(st.binary(max_size=12))
    return bytes(data)


@settings(max_examples=1500)
@given(mutated())
def test_mutated_frames_are_decoded(data: bytes) -> None:
    decode(data)


@given(st.sampled_from(SEEDS), st.data())
def test_a_frame_cut_anywhere_is_a_dead_letter(data: bytes, choice: st.DataObject) -> None:
    end = choice.draw(st.integers(0, len(data) - 1))
    answer = decode(data[:end])
    assert isinstance(answer, DecodedFrame)
    assert [letter.reason for letter in answer.dead_letters] == [DeadLetterReason.FRAME_INVALID]


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 70), 1 << 70)
    | st.floats()
    | st.text(max_size=8)
    | st.binary(max_size=8)
    | st.sampled_from([cbor2.undefined, DID, TIME, REV, "app.bsky.feed.post/1", "create", "delete"])
    | st.builds(build.link, st.just(build.cid_of(encode(POST))) | st.binary(max_size=40))
    | st.builds(cbor2.CBORTag, st.integers(0, 50), st.binary(max_size=4))
)
KEYS = st.sampled_from(["action", "path", "cid", "src", "uri", "val", "cts", "sig", "neg", "$type"]) | st.text(
    max_size=4
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6), max_leaves=12
)
FIELDS = st.sampled_from(
    ["seq", "repo", "did", "rev", "commit", "blocks", "ops", "time", "active", "status", "handle", "labels"]
)


@settings(max_examples=600)
@given(
    st.sampled_from(["#commit", "#identity", "#account", "#sync", "#handle", "#tombstone", "#labels", "#info"]),
    st.dictionaries(FIELDS, VALUES, max_size=4),
)
def test_any_value_in_any_field_is_decoded(kind: str, changes: dict[str, Any]) -> None:
    body = commit([write("app.bsky.feed.post/1", POST)], [POST]) | {"did": DID, "active": True, "labels": [LABEL]}
    decode(frame(kind, body | changes))


@given(VALUES)
def test_any_value_as_a_record_is_decoded(record: Any) -> None:
    answer = decode(frame("#commit", commit([write("app.bsky.feed.post/1", record)], [record])))
    assert isinstance(answer, DecodedFrame)
    assert len(answer.events) + len(answer.dead_letters) == 1


def _record(block: bytes, paths: int = 1) -> bytes:
    """A commit that writes the record `block`, at many paths."""
    cid = build.cid_of(block)
    ops = [{"action": "create", "path": f"app.bsky.feed.post/{n}", "cid": build.link(cid)} for n in range(paths)]
    return frame("#commit", commit(ops, blocks=build.car([(cid, block)])))


def _array(item: bytes, count: int) -> bytes:
    return b"\x9a" + count.to_bytes(4) + item * count


def _body(key: str, value: bytes) -> bytes:
    """A commit with one additional field, given as encoded bytes."""
    body = bytearray(encode(commit([write("app.bsky.feed.post/1", POST)], [POST])))
    assert body[0] == 0xAB
    body[0] += 1
    return encode({"t": "#commit", "op": 1}) + bytes(body) + encode(key) + value


TINY_BLOCK = build.varint(4) + b"\x01\x55\x00\x00"
HOSTILE: dict[str, Callable[[], bytes]] = {
    "nested arrays": lambda: b"\x81" * 5_000_000,
    "nested maps": lambda: b"\xa1\x61a" * 1_000_000,
    "nested tags": lambda: b"\xd8\x2a" * 1_000_000,
    "nested arrays in a record": lambda: _record(b"\xa1\x61a" + b"\x81" * 100_000 + b"\x01"),
    "nested arrays in a field": lambda: _body("x", b"\x81" * 100_000 + b"\x01"),
    "an array of 2^60 items": lambda: b"\x9b\x10" + bytes(7),
    "a map of 2^60 items": lambda: _body("x", b"\xbb\x10" + bytes(7)),
    "a string of 2^60 bytes": lambda: _body("x", b"\x5b\x10" + bytes(7)),
    "a text of 2^31 bytes in a record": lambda: _record(b"\xa1\x61a\x7a\x7f\xff\xff\xff"),
    "empty maps": lambda: _body("x", _array(b"\xa0", 5_000_000)),
    "empty maps in a record": lambda: _record(b"\xa1\x61a" + _array(b"\xa0", 1_000_000)),
    "as many empty maps in a record as are allowed": lambda: _record(b"\xa1\x61a" + _array(b"\xa0", 260_000)),
    "empty lists as operations": lambda: frame("#commit", commit([[]] * 200_000)),
    "empty lists as labels": lambda: frame("#labels", {"seq": 1, "labels": [[]] * 200_000}),
    "a record of escapes only, at 200 paths": lambda: _record(encode({"a": "\0" * 900_000}), 200),
    "a bad record at 2000 paths": lambda: _record(encode({"a": float("nan"), "b": b"x" * 900_000}), 2000),
    "an endless varint": lambda: frame("#commit", commit([write("app.bsky.a/1", POST)], blocks=b"\xff" * 2_000_000)),
    "a CAR of a million empty blocks": lambda: frame(
        "#commit", commit([write("app.bsky.feed.post/1", POST)], blocks=build.car([]) + TINY_BLOCK * 1_000_000)
    ),
    "a CAR header without end": lambda: frame(
        "#sync", {"seq": 1, "did": DID, "rev": REV, "blocks": build.varint(2_000_000) + b"\x81" * 2_000_000}
    ),
    "a DID of 2 MB": lambda: frame("#commit", commit([], repo="did:plc:" + "a" * 2_000_000)),
    "a path of 2 MB": lambda: frame("#commit", commit([write("app.bsky." + "a" * 2_000_000 + "/1", POST)], [POST])),
    "a time of 2 MB": lambda: frame("#commit", commit([], time="1" * 2_000_000)),
    "a CID of 2 MB": lambda: frame("#commit", commit([], commit=build.link(b"\x01" * 2_000_000))),
    "colliding keys": lambda: _body("x", b"\xba" + (100_000).to_bytes(4) + b"\x61a\x01" * 100_000),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_time_and_memory_are_limited(name: str) -> None:
    data = HOSTILE[name]()
    started = time.process_time()
    answer = decode(data)
    elapsed = time.process_time() - started
    assert elapsed < 10, f"{elapsed:.1f} s of CPU time"
    del answer

    tracemalloc.start()
    try:
        answer = FirehoseDecoder(collections=["*"]).decode(data, received=RECEIVED)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * len(data) + 40 * MIB, f"{peak / MIB:.0f} MiB for {len(data) / MIB:.1f}"
    if isinstance(answer, DecodedFrame):
        kept = sum(map(len, answer.events)) + sum(len(letter.payload) for letter in answer.dead_letters)
        assert kept <= commit_module.MAX_OUTPUT_BYTES + commit_module.MAX_DEAD_LETTER_BYTES
