"""Frames that are not valid DAG-CBOR: a broken value loses nothing but itself."""

import json
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_wire import dagcbor, salvage
from sluice_wire.dagcbor import CborError
from sluice_wire.deadletter import DeadLetterReason
from sluice_wire.events import DecodedFrame, ErrorFrame
from sluice_wire.firehose import FirehoseDecoder
from sluice_wire.labels import LabelsDecoder
from sluice_wire.salvage import BrokenValue
from tests.unit.wire.build import DID, POST, RECEIVED, commit, encode, frame, write

LABEL = {"src": DID, "uri": DID, "val": "spam", "cts": "2026-11-01T00:00:00.000Z"}
GOOD = encode(LABEL)
BROKEN = {
    "text that is not UTF-8": b"\xa1\x61a\x62\xed\xa0",
    "a key that is not text": b"\xa1\x01\x02",
    "a key twice": b"\xa2\x61a\x01\x61a\x02",
    "a tag": b"\xa1\x61t\xc1\x1a\x00\x00\x00\x00",
    "an invalid link": b"\xa1\x61l\xd8\x2a\x41\x00",
    "a map without a length": b"\xbf\x61a\x01\xff",
    "a text in pieces": b"\xa1\x61a\x7f\x61b\x61c\xff",
    "nested deeply": b"\xa1\x61a" + b"\x81" * 5000 + b"\x80",
    "a long list": b"\x83\x01\x02\xf8\x18",
}


def labels(*raw: bytes, seq: int = 7) -> DecodedFrame:
    body = b"\xa2" + encode("seq") + encode(seq) + encode("labels") + bytes([0x80 | len(raw)]) + b"".join(raw)
    decoded = LabelsDecoder().decode(encode({"op": 1, "t": "#labels"}) + body, received=RECEIVED)
    assert isinstance(decoded, DecodedFrame)
    return decoded


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_broken_label_loses_no_other(broken: bytes) -> None:
    decoded = labels(GOOD, broken, GOOD)
    assert decoded.seq == 7
    assert len(json.loads(decoded.events[0])["labels"]) == 2
    (letter,) = decoded.dead_letters
    assert (letter.reason, letter.payload) == (DeadLetterReason.LABEL_INVALID, broken)
    assert "not DAG-CBOR" in letter.message


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_broken_operation_loses_no_other(broken: bytes) -> None:
    body = commit([write("app.bsky.feed.post/1", POST), write("app.bsky.feed.post/2", POST)], [POST])
    whole = frame("#commit", body)
    ops = encode("ops") + encode(body["ops"])
    assert whole.count(ops) == 1
    head, first, second = encode("ops"), *map(encode, body["ops"])
    raw = whole.replace(ops, head + b"\x83" + first + broken + second)
    decoded = FirehoseDecoder(collections=["*"]).decode(raw, received=RECEIVED)
    assert isinstance(decoded, DecodedFrame)
    assert [json.loads(event)["rkey"] for event in decoded.events] == ["1", "2"]
    assert [(letter.reason, letter.payload) for letter in decoded.dead_letters] == [
        (DeadLetterReason.OP_INVALID, broken)
    ]


def test_a_broken_unused_field_loses_nothing() -> None:
    body = commit([write("app.bsky.feed.post/1", POST)], [POST]) | {"blobs": []}
    raw = frame("#commit", body).replace(encode("blobs") + b"\x80", encode("blobs") + BROKEN["a tag"])
    decoded = FirehoseDecoder(collections=["*"]).decode(raw, received=RECEIVED)
    assert isinstance(decoded, DecodedFrame)
    assert (len(decoded.events), decoded.dead_letters) == (1, ())


def test_a_key_of_any_type_loses_no_other() -> None:
    for key in (b"\xa1\x61a\x01", b"\x81\x01", b"\x01", b"\x41a", b"\xf6"):
        raw = encode({"op": 1}) + b"\xa2" + key + b"\x01" + encode("seq") + b"\x07"
        assert salvage.salvage_pair(raw)[1]["seq"] == 7


def test_an_error_frame_with_a_broken_message() -> None:
    raw = encode({"op": -1}) + b"\xa2" + encode("error") + encode("FutureCursor") + encode("message") + b"\x61\xff"
    assert LabelsDecoder().decode(raw, received=RECEIVED) == ErrorFrame(error="FutureCursor", message=None)


@pytest.mark.parametrize("neg", [1, True])
def test_a_flag_may_be_a_number(neg: object) -> None:
    decoded = labels(encode(LABEL | {"neg": neg}), encode(LABEL | {"neg": 0}))
    assert [label["neg"] for label in json.loads(decoded.events[0])["labels"]] == [True, False]


@pytest.mark.parametrize("name", ["cid", "neg", "ver", "exp", "sig"])
def test_undefined_in_a_label_counts_as_absent(name: str) -> None:
    whole = labels(encode(LABEL | {name: cbor2.undefined}))
    assert whole.events == labels(GOOD).events
    assert whole.dead_letters == ()


def test_undefined_in_a_commit_identity_or_account_counts_as_absent() -> None:
    decoder = FirehoseDecoder(collections=["*"])
    for name, body in (
        ("#commit", commit([], []) | {"ops": cbor2.undefined, "blocks": cbor2.undefined}),
        ("#identity", {"seq": 1, "did": DID, "handle": cbor2.undefined}),
        ("#account", {"seq": 1, "did": DID, "active": True, "status": cbor2.undefined}),
    ):
        decoded = decoder.decode(frame(name, body), received=RECEIVED)
        assert isinstance(decoded, DecodedFrame)
        assert decoded.dead_letters == ()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), VALUES, max_size=5))
def test_valid_data_is_read_as_by_the_strict_decoder(body: dict[str, Any]) -> None:
    data = encode({"op": 1}) + encode(body)
    assert salvage.salvage_pair(data) == dagcbor.decode_pair(data)


@given(st.binary(max_size=200), st.sampled_from(sorted(BROKEN.values())), st.integers(0, 300))
def test_any_bytes_are_read_or_refused(data: bytes, broken: bytes, place: int) -> None:
    whole = frame("#labels", {"seq": 7, "labels": [LABEL, LABEL]})
    for each in (data, encode({}) + data, whole[:place] + data + whole[place:], whole[:place] + broken + whole[place:]):
        try:
            _, body = salvage.salvage_pair(each)
        except CborError:
            continue
        assert isinstance(body, dict)
        assert not isinstance(body, BrokenValue)


def test_a_key_that_is_a_map_is_left_out() -> None:
    """Its value is left out, too. The bytes are a header {}, then {{}: 1, "a": tag 43, "b": 2}."""
    _, body = salvage.salvage_pair(bytes.fromhex("a0 a3 a0 01 61 61 d8 2b 00 61 62 02"))
    assert body.keys() == {"a", "b"}
    assert body["b"] == 2
