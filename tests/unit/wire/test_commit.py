"""Decoding #commit messages: events, dead letters and limits."""

import hashlib
import json
import math
from typing import Any

import cbor2
import pytest

from sluice_wire import commit as commit_module
from sluice_wire.cid import Cid
from sluice_wire.deadletter import MAX_PAYLOAD_BYTES, DeadLetterReason
from sluice_wire.events import DecodedFrame
from sluice_wire.firehose import FirehoseDecoder
from tests.unit.wire import build
from tests.unit.wire.build import DID, POST, REV, TIME, commit, write

SEQ = 6_322_875_401
LIKE = {"$type": "app.bsky.feed.like", "subject": {"uri": "at://did:plc:x/app.bsky.feed.post/1"}}
DELETE = {"action": "delete", "path": "app.bsky.feed.post/gone", "cid": None}


def decode(body: dict[str, Any], *collections: str) -> DecodedFrame:
    decoder = FirehoseDecoder(collections=collections or ["*"])
    decoded = decoder.decode(build.frame("#commit", body), received=build.RECEIVED)
    assert isinstance(decoded, DecodedFrame)
    assert len(decoded.events) == len(decoded.kinds)
    return decoded


def rkeys(decoded: DecodedFrame) -> list[str]:
    return [json.loads(event)["rkey"] for event in decoded.events]


def reasons(decoded: DecodedFrame) -> list[tuple[DeadLetterReason, str]]:
    return [(letter.reason, letter.detail.removeprefix(f"at://{DID}")) for letter in decoded.dead_letters]


def text_of(block: bytes) -> str:
    return str(Cid(build.cid_of(block)))


def test_the_exact_json_of_events() -> None:
    picture = build.cid_of(b"picture", 0x55)
    record = POST | {"image": {"ref": build.link(picture), "thumb": b"\xff\xee", "size": 5}, "note": None}
    body = commit(
        [write("app.bsky.feed.post/1", record), write("app.bsky.feed.like/2", LIKE, "update"), DELETE],
        [record, LIKE],
    )
    head = build.encode({"did": DID, "rev": REV, "version": 3})
    common = f'"seq":{SEQ},"time":"{TIME}","did":"{DID}","commit":"{text_of(head)}","rev":"{REV}"'
    decoded = decode(body)
    assert [event.decode() for event in decoded.events] == [
        f'{{"type":"create",{common},"collection":"app.bsky.feed.post","rkey":"1",'
        f'"cid":"{text_of(build.encode(record))}","record":{{"$type":"app.bsky.feed.post","text":"hello",'
        f'"image":{{"ref":{{"$link":"{Cid(picture)}"}},"thumb":{{"$bytes":"/+4"}},"size":5}},"note":null}}}}',
        f'{{"type":"update",{common},"collection":"app.bsky.feed.like","rkey":"2",'
        f'"cid":"{text_of(build.encode(LIKE))}","record":{{"$type":"app.bsky.feed.like",'
        '"subject":{"uri":"at://did:plc:x/app.bsky.feed.post/1"}}}',
        f'{{"type":"delete",{common},"collection":"app.bsky.feed.post","rkey":"gone"}}',
    ]
    assert decoded == DecodedFrame(
        seq=SEQ, time=TIME, events=decoded.events, kinds=("create", "update", "delete"), filtered=0
    )


def test_the_filter_depends_on_the_collection_only() -> None:
    ops = [
        write("app.bsky.feed.post/1", POST),
        write("chat.bsky.actor.declaration/self", POST),
        write("com.example.thing/1", POST),
        DELETE | {"path": "com.example.thing/2"},
        {"action": "create", "path": "com.example.thing/3"},  # invalid, but filtered out
        DELETE,
    ]
    decoded = decode(commit(ops, [POST]), "app.bsky.*", "chat.bsky.actor.declaration")
    assert rkeys(decoded) == ["1", "self", "gone"]
    assert (decoded.filtered, decoded.dead_letters) == (3, ())


def test_a_commit_without_matching_operations_moves_the_cursor() -> None:
    broken = commit([write("com.example.thing/1", POST)], blocks=b"not looked at")
    assert decode(broken, "app.bsky.*") == DecodedFrame(seq=SEQ, time=TIME, filtered=1)


@pytest.mark.parametrize("ops", [[], None, ...])
def test_empty_commits(ops: object) -> None:
    assert decode(commit([], ops=ops)) == DecodedFrame(seq=SEQ, time=TIME)


@pytest.mark.parametrize(
    "changes",
    [
        {"blobs": None, "since": None, "prev": None, "prevData": None},
        {"blobs": [build.link(build.cid_of(b""))], "prevData": build.link(build.cid_of(b""))},
        {"blobs": ..., "since": ..., "rebase": ..., "tooBig": ...},
        {"blobs": "odd", "since": 5, "rebase": True, "unknown": {"field": [1.5, b"x"]}},
    ],
)
def test_other_fields_are_ignored(changes: dict[str, Any]) -> None:
    assert rkeys(decode(commit([write("app.bsky.feed.post/1", POST)], [POST], **changes))) == ["1"]


def test_blocks_may_be_in_any_order_repeated_or_unused() -> None:
    head, post, like, other = build.blocks_of({"head": 1}, POST, LIKE, {"tree": "node"})
    container = build.car([like, other, like, post, head, post], roots=[head[0]])
    ops = [write("app.bsky.feed.post/1", POST), write("app.bsky.feed.like/2", LIKE), write("a.b.c/3", POST)]
    assert rkeys(decode(commit(ops, blocks=container))) == ["1", "2", "3"]


def test_a_block_with_a_wrong_hash_loses_only_its_own_event() -> None:
    false = b"\xa1\x61a\x01"
    container = build.car([(build.cid_of(build.encode(POST)), false), *build.blocks_of(LIKE)])
    decoded = decode(commit([write("a.b.c/1", POST), write("a.b.c/2", LIKE), DELETE], blocks=container))
    assert rkeys(decoded) == ["2", "gone"]
    assert reasons(decoded) == [(DeadLetterReason.BLOCK_HASH_MISMATCH, "/a.b.c/1")]
    assert (decoded.dead_letters[0].payload, decoded.dead_letters[0].seq) == (false, SEQ)


def test_a_missing_block_loses_only_its_own_event() -> None:
    decoded = decode(commit([write("a.b.c/1", POST), write("a.b.c/2", LIKE), DELETE], [LIKE]))
    assert rkeys(decoded) == ["2", "gone"]
    assert reasons(decoded) == [(DeadLetterReason.BLOCK_MISSING, "/a.b.c/1")]
    event = json.loads(decoded.dead_letters[0].payload)  # enough to fetch the record
    assert (event["did"], event["rkey"], event["cid"]) == (DID, "1", text_of(build.encode(POST)))


@pytest.mark.parametrize("blocks", [None, ..., b""])
def test_a_commit_marked_too_big_without_blocks(blocks: object) -> None:
    decoded = decode(commit([write("a.b.c/1", POST), DELETE], blocks=blocks, tooBig=True))
    assert rkeys(decoded) == ["gone"]
    assert reasons(decoded) == [(DeadLetterReason.BLOCK_MISSING, "/a.b.c/1")]


def test_a_commit_marked_too_big_without_operations() -> None:
    decoded = decode(commit([], blocks=b"", tooBig=True))
    assert (decoded.seq, decoded.events, reasons(decoded)) == (SEQ, (), [(DeadLetterReason.BLOCK_MISSING, "")])
    assert json.loads(decoded.dead_letters[0].payload)["did"] == DID


@pytest.mark.parametrize("blocks", [b"garbage", b"\x00", b"\xff" * 50, "text", 5])
def test_an_unreadable_car_loses_no_delete(blocks: object) -> None:
    decoded = decode(commit([write("a.b.c/1", POST), DELETE, write("a.b.c/2", LIKE)], blocks=blocks))
    assert rkeys(decoded) == ["gone"]
    assert reasons(decoded) == [(DeadLetterReason.CAR_INVALID, "/a.b.c/1"), (DeadLetterReason.CAR_INVALID, "/a.b.c/2")]


def test_blocks_before_a_break_in_the_car_are_used() -> None:
    container = build.car(build.blocks_of({"head": 1}, POST, LIKE))
    decoded = decode(commit([write("a.b.c/1", POST), write("a.b.c/2", LIKE)], blocks=container[:-5]))
    assert rkeys(decoded) == ["1"]
    assert reasons(decoded) == [(DeadLetterReason.CAR_INVALID, "/a.b.c/2")]


@pytest.mark.parametrize(
    "record",
    [
        ["a", "list"],
        "text",
        None,
        {"a": math.nan},
        {"a": [math.inf]},
        {"a": 1 << 63},
        {"a": -(1 << 64)},
        {"a": cbor2.undefined},
        {b"a": 1},
        {1: 1},
        {"a": cbor2.CBORTag(1, 5)},
        {"a": cbor2.CBORTag(42, b"\0\x12\x20" + bytes(32))},
    ],
    ids=repr,
)
def test_an_invalid_record_is_a_dead_letter(record: object) -> None:
    decoded = decode(commit([write("a.b.c/1", record), write("a.b.c/2", LIKE)], [record, LIKE]))
    assert rkeys(decoded) == ["2"]
    assert reasons(decoded) == [(DeadLetterReason.RECORD_INVALID, "/a.b.c/1")]
    assert decoded.dead_letters[0].payload == build.encode(record)


def test_a_record_followed_by_more_bytes_is_a_dead_letter() -> None:
    block = build.encode(POST) + b"\0"
    cid = build.cid_of(block)
    op = {"action": "create", "path": "a.b.c/1", "cid": build.link(cid)}
    decoded = decode(commit([op], blocks=build.car([(cid, block)])))
    assert reasons(decoded) == [(DeadLetterReason.RECORD_INVALID, "/a.b.c/1")]


def test_floats_and_large_integers_of_64_bits_are_kept() -> None:
    record = {"float": 0.1, "min": -(1 << 63), "max": (1 << 63) - 1}
    (event,) = decode(commit([write("a.b.c/1", record)], [record])).events
    assert json.loads(event)["record"] == record


@pytest.mark.parametrize(
    "op",
    [
        None,
        "create",
        {},
        {"action": "create", "path": "a.b.c"},
        {"action": "delete", "path": "a.b.c/"},
        {"action": "delete", "path": "/1"},
        {"action": "delete", "path": "a.b.c/1/2"},
        {"action": "delete", "path": 7},
        {"action": "explode", "path": "a.b.c/1"},
        {"path": "a.b.c/1"},
        {"action": "create", "path": "a.b.c/1"},
        {"action": "update", "path": "a.b.c/1", "cid": None},
        {"action": "create", "path": "a.b.c/1", "cid": build.cid_of(b"")},
    ],
    ids=repr,
)
def test_an_invalid_operation_is_a_dead_letter(op: object) -> None:
    decoded = decode(commit([write("a.b.c/1", POST), op, DELETE], [POST]))
    assert rkeys(decoded) == ["1", "gone"]
    assert reasons(decoded) == [(DeadLetterReason.OP_INVALID, "")]
    assert "op" in json.loads(decoded.dead_letters[0].payload)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("repo", None),
        ("repo", "example.com"),
        ("repo", "did:plc:"),
        ("rev", ...),
        ("rev", ""),
        ("rev", 5),
        ("commit", None),
        ("commit", "bafyreib7z46femz4v6c2w4a564knd5zikmeo4igxzth67sxxesvx3ydpua"),
        ("ops", "none"),
        ("ops", {}),
        ("ops", [DELETE] * (commit_module.MAX_OPERATIONS + 1)),
        ("seq", 0),
        ("seq", -5),
        ("seq", 1 << 63),
        ("seq", 5.0),
        ("seq", "5"),
        ("seq", True),
        ("seq", ...),
    ],
)
def test_an_invalid_message_is_one_dead_letter(field: str, value: object) -> None:
    changes: dict[str, Any] = {field: value}
    body = commit([DELETE], **changes)
    decoded = decode(body)
    (letter,) = decoded.dead_letters
    assert (decoded.events, letter.reason) == ((), DeadLetterReason.MESSAGE_INVALID)
    assert letter.message.startswith(f"{field}: expected")
    assert decoded.seq == letter.seq == (None if field == "seq" else SEQ)
    assert letter.payload == build.frame("#commit", body)[:MAX_PAYLOAD_BYTES]


def test_one_large_record_at_many_paths_is_limited() -> None:
    record = POST | {"text": "\0" * 500_000}  # six bytes each in JSON
    decoded = decode(commit([write(f"a.b.c/{n}", record) for n in range(200)], [record]))
    assert sum(map(len, decoded.events)) <= commit_module.MAX_OUTPUT_BYTES
    assert rkeys(decoded) == ["0", "1"]
    assert {letter.reason for letter in decoded.dead_letters} == {DeadLetterReason.TOO_LARGE}
    assert len(decoded.dead_letters) == 198
    assert all(len(letter.payload) <= MAX_PAYLOAD_BYTES for letter in decoded.dead_letters)
    assert sum(len(letter.payload) for letter in decoded.dead_letters) <= commit_module.MAX_DEAD_LETTER_BYTES


def test_every_record_is_hashed() -> None:
    """A change of any byte of the block is detected."""
    block = build.encode(POST)
    cid = build.cid_of(block)
    op = {"action": "create", "path": "a.b.c/1", "cid": build.link(cid)}
    for index in range(len(block)):
        changed = bytearray(block)
        changed[index] ^= 1
        assert hashlib.sha256(changed).digest() != cid[4:]
        decoded = decode(commit([op], blocks=build.car([(cid, bytes(changed))])))
        assert (decoded.events, reasons(decoded)) == ((), [(DeadLetterReason.BLOCK_HASH_MISMATCH, "/a.b.c/1")])
