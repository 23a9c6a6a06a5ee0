"""Decoding #labels messages: events, dead letters and limits."""

import json
from typing import Any

import pytest

from sluice_wire.deadletter import MAX_PAYLOAD_BYTES, DeadLetterReason
from sluice_wire.events import DecodedFrame, ErrorFrame, InfoMessage
from sluice_wire.labels import MAX_LABELS, LabelsDecoder
from tests.unit.wire.build import DID, RECEIVED, encode, frame

LABEL = {"src": DID, "uri": "at://did:plc:x/app.bsky.feed.post/1", "val": "spam", "cts": "2024-05-01T12:00:00.123Z"}
PLAIN = (
    f'{{"src":"{DID}","uri":"at://did:plc:x/app.bsky.feed.post/1","cid":null,"val":"spam",'
    '"neg":null,"cts":"2024-05-01T12:00:00.123Z"'
)


def decode(*labels: object, **changes: Any) -> DecodedFrame:
    body = {"seq": 11, "labels": list(labels)} | changes
    decoded = LabelsDecoder().decode(frame("#labels", body), received=RECEIVED)
    assert isinstance(decoded, DecodedFrame)
    return decoded


def test_the_exact_json_of_events() -> None:
    full = LABEL | {"cid": "bafyfoo", "neg": True, "ver": 1, "exp": "2031-01-01T00:00:00Z", "sig": b"\xff\xee", "x": 1}
    decoded = decode(LABEL, full)
    assert decoded.events == (
        f'{{"seq":11,"labels":[{PLAIN}}},'
        f'{{"src":"{DID}","uri":"at://did:plc:x/app.bsky.feed.post/1","cid":"bafyfoo","val":"spam",'
        '"neg":true,"cts":"2024-05-01T12:00:00.123Z","ver":1,"exp":"2031-01-01T00:00:00Z",'
        '"sig":{"$bytes":"/+4"}}]}'.encode(),
    )
    assert (decoded.seq, decoded.time, decoded.kinds) == (11, LABEL["cts"], ("label", "label"))


@pytest.mark.parametrize("cts", ["2024-05-01T12:00:00.1239Z", "2024-05-01T14:00:00.123+02:00"])
def test_a_signed_label_keeps_its_time_as_written(cts: str) -> None:
    (event,) = decode(LABEL | {"cts": cts}, LABEL | {"cts": cts, "sig": b"s"}, LABEL | {"sig": b"s"}).events
    plain, signed, normal = json.loads(event)["labels"]
    assert plain == json.loads(PLAIN + "}")
    assert signed == plain | {"sig": {"$bytes": "cw"}, "signedCts": cts}
    assert normal == plain | {"sig": {"$bytes": "cw"}}


@pytest.mark.parametrize(
    "label",
    [
        None,
        "label",
        *({key: value for key, value in LABEL.items() if key != missing} for missing in LABEL),
        *(LABEL | {key: 5} for key in ("src", "uri", "val", "cts", "cid", "neg", "exp", "sig")),
        *(LABEL | wrong for wrong in ({"src": "x"}, {"val": ""}, {"cts": "yesterday"}, {"ver": True}, {"sig": "s"})),
    ],
    ids=repr,
)
def test_an_invalid_label_loses_no_other(label: object) -> None:
    decoded = decode(LABEL, label, LABEL)
    assert decoded.events == (f'{{"seq":11,"labels":[{PLAIN}}},{PLAIN}}}]}}'.encode(),)
    (letter,) = decoded.dead_letters
    assert (letter.reason, letter.seq) == (DeadLetterReason.LABEL_INVALID, 11)
    assert json.loads(letter.payload) == json.loads(json.dumps(label))
    assert letter.detail in ("", LABEL["uri"])


def test_without_a_valid_label_there_is_no_event() -> None:
    assert decode() == DecodedFrame(seq=11)
    decoded = decode(5)
    assert (decoded.seq, decoded.events, decoded.kinds, len(decoded.dead_letters)) == (11, (), (), 1)


@pytest.mark.parametrize("labels", [None, {}, "x", [LABEL] * (MAX_LABELS + 1)])
def test_an_invalid_message_is_one_dead_letter(labels: object) -> None:
    decoded = decode(labels=labels)
    (letter,) = decoded.dead_letters
    assert (decoded.seq, decoded.events, letter.reason) == (11, (), DeadLetterReason.MESSAGE_INVALID)
    assert len(letter.payload) <= MAX_PAYLOAD_BYTES


def test_the_dead_letters_of_one_message_are_limited_together() -> None:
    decoded = decode(*([{"x": "y" * 100_000}] * 40))
    assert len(decoded.dead_letters) == 40
    assert sum(len(letter.payload) for letter in decoded.dead_letters) <= 16 * MAX_PAYLOAD_BYTES


def test_other_messages_of_the_stream() -> None:
    decoder = LabelsDecoder()
    assert decoder.decode(frame("#info", {"name": "OutdatedCursor"}), received=RECEIVED) == InfoMessage(
        name="OutdatedCursor"
    )
    error = encode({"op": -1}) + encode({"error": "FutureCursor"})
    assert decoder.decode(error, received=RECEIVED) == ErrorFrame(error="FutureCursor")
    assert decoder.decode(frame("#commit", {"seq": 3}), received=RECEIVED) == DecodedFrame(
        seq=3, unknown_type="#commit"
    )
    namespaced = frame("com.atproto.label.subscribeLabels#labels", {"seq": 11, "labels": [LABEL]})
    assert decoder.decode(namespaced, received=RECEIVED) == decode(LABEL)
