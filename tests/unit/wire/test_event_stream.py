"""Framing of event streams, and messages that all streams share."""

from typing import Any

import pytest

from sluice_wire import firehose
from sluice_wire.deadletter import MAX_PAYLOAD_BYTES, DeadLetterReason
from sluice_wire.event_stream import decode_frame
from sluice_wire.events import DecodedFrame, ErrorFrame, InfoMessage
from sluice_wire.firehose import FirehoseDecoder
from tests.unit.wire.build import DID, POST, RECEIVED, RECEIVED_TEXT, TIME, commit, encode, frame, write

IDENTITY = {"seq": 7, "did": DID, "time": TIME}


def decode(data: bytes) -> DecodedFrame | InfoMessage | ErrorFrame:
    return FirehoseDecoder(collections=["*"]).decode(data, received=RECEIVED)


def decoded(data: bytes) -> DecodedFrame:
    answer = decode(data)
    assert isinstance(answer, DecodedFrame)
    return answer


@pytest.mark.parametrize("header", [{"t": "#identity", "op": 1}, {"op": 1, "t": "#identity", "x": [1]}])
def test_message(header: dict[str, Any]) -> None:
    assert decoded(encode(header) + encode(IDENTITY)).kinds == ("identity",)


def test_a_type_may_carry_its_namespace() -> None:
    assert decoded(frame("com.atproto.sync.subscribeRepos#identity", IDENTITY)).kinds == ("identity",)
    other = decoded(frame("com.example.subscribe#identity", IDENTITY))
    assert other == DecodedFrame(seq=7, unknown_type="com.example.subscribe#identity")


def test_info() -> None:
    assert decode(frame("#info", {"name": "OutdatedCursor"})) == InfoMessage(name="OutdatedCursor")
    assert decode(frame("#info", {"name": "New", "message": "m"})) == InfoMessage(name="New", message="m")
    assert decoded(frame("#info", {"name": 5})).dead_letters[0].reason is DeadLetterReason.MESSAGE_INVALID


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({"error": "FutureCursor"}, ErrorFrame(error="FutureCursor")),
        ({"error": "ConsumerTooSlow", "message": "m"}, ErrorFrame(error="ConsumerTooSlow", message="m")),
        ({"error": "Odd", "message": 5}, ErrorFrame(error="Odd")),
    ],
)
def test_error(body: dict[str, Any], answer: ErrorFrame) -> None:
    assert decode(encode({"op": -1}) + encode(body)) == answer


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "premature end"),
        (b"not a frame", "DAG-CBOR"),
        (encode({"op": 1, "t": "#identity"}), "premature end"),
        (frame("#identity", IDENTITY) + b"\xa0", "1 bytes follow"),
        (frame("#identity", IDENTITY)[:-3], "premature end"),
        (encode([]) + encode(IDENTITY), "names no operation"),
        (encode({"t": "#identity"}) + encode(IDENTITY), "names no operation"),
        (encode({"op": True, "t": "#identity"}) + encode(IDENTITY), "names no operation"),
        (encode({"op": 1}) + encode(IDENTITY), "names no message type"),
        (encode({"op": 1, "t": 5}) + encode(IDENTITY), "names no message type"),
        (encode({"op": 1, "t": "#identity"}) + encode([IDENTITY]), "the body is no map but list"),
        (encode({"op": -1}) + encode({"message": "m"}), "error's name"),
    ],
)
def test_an_invalid_frame_is_a_dead_letter(data: bytes, message: str) -> None:
    answer = decoded(data)
    (letter,) = answer.dead_letters
    assert answer == DecodedFrame(seq=None, dead_letters=(letter,))
    assert (letter.reason, letter.seq, letter.payload) == (DeadLetterReason.FRAME_INVALID, None, data)
    assert message in letter.message


def test_the_payload_of_a_dead_letter_is_cut() -> None:
    data = b"\xff" * 1_000_000
    assert decoded(data).dead_letters[0].payload == data[:MAX_PAYLOAD_BYTES]


@pytest.mark.parametrize(
    ("header", "body", "answer"),
    [
        ({"op": 1, "t": "#novel"}, {"seq": 9, "x": 1}, DecodedFrame(seq=9, unknown_type="#novel")),
        ({"op": 1, "t": "#novel"}, {"seq": "9"}, DecodedFrame(seq=None, unknown_type="#novel")),
        ({"op": 1, "t": "#novel"}, {}, DecodedFrame(seq=None, unknown_type="#novel")),
        ({"op": 7}, {"seq": 9}, DecodedFrame(seq=9, unknown_type="op 7")),
        ({"op": -2}, {"seq": -9}, DecodedFrame(seq=None, unknown_type="op -2")),
    ],
)
def test_unknown_messages_are_ignored(header: dict[str, Any], body: dict[str, Any], answer: DecodedFrame) -> None:
    assert decode(encode(header) + encode(body)) == answer


@pytest.mark.parametrize(
    ("time", "event_time", "written"),
    [
        (TIME, TIME, TIME),
        ("2025-04-01T06:01:32.384999+02:00", TIME, TIME),
        ("yesterday", None, RECEIVED_TEXT),
        (5, None, RECEIVED_TEXT),
        (None, None, RECEIVED_TEXT),
    ],
)
def test_the_time_of_a_message(time: object, event_time: str | None, written: str) -> None:
    for data in (
        frame("#identity", IDENTITY | {"time": time}),
        frame("#commit", commit([write("a.b.c/1", POST)], [POST], time=time)),
    ):
        answer = decoded(data)
        assert answer.time == event_time
        assert f'"time":"{written}"' in answer.events[0].decode()


def test_an_error_within_the_decoder_is_a_dead_letter() -> None:
    """If it were raised, the same frame would fail again after every reconnect."""

    def faulty(*_: object) -> DecodedFrame:
        raise RecursionError("too deep")

    data = frame("#identity", IDENTITY)
    answer = decode_frame(data, received=RECEIVED, nsid=firehose.NSID, handlers={"#identity": faulty})
    assert isinstance(answer, DecodedFrame)
    (letter,) = answer.dead_letters
    assert (answer.seq, letter.reason, letter.payload) == (7, DeadLetterReason.DECODER_FAULT, data)
    assert letter.message == "RecursionError: too deep"
