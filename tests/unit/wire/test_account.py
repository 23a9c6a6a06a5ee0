"""Decoding #identity, #account and #sync messages, and their older forms."""

from typing import Any

import pytest

from sluice_wire.cid import Cid
from sluice_wire.deadletter import DeadLetterReason
from sluice_wire.events import DecodedFrame
from sluice_wire.firehose import FirehoseDecoder
from tests.unit.wire import build
from tests.unit.wire.build import DID, REV, TIME

HEAD = f'"seq":7,"time":"{TIME}","did":"{DID}"'


def decode(kind: str, **fields: Any) -> DecodedFrame:
    body = {"seq": 7, "did": DID, "time": TIME} | fields
    decoded = FirehoseDecoder(collections=["app.bsky.feed.post"]).decode(
        build.frame(kind, {key: value for key, value in body.items() if value is not ...}),
        received=build.RECEIVED,
    )
    assert isinstance(decoded, DecodedFrame)
    return decoded


def event(kind: str, **fields: Any) -> str:
    decoded = decode(kind, **fields)
    assert (decoded.seq, len(decoded.events), decoded.dead_letters) == (7, 1, ())
    return decoded.events[0].decode()


def test_identity() -> None:
    assert event("#identity") == f'{{"type":"identity",{HEAD},"handle":null}}'
    assert event("#identity", handle=None) == f'{{"type":"identity",{HEAD},"handle":null}}'
    for handle in ("example.com", "handle.invalid"):
        assert event("#identity", handle=handle) == f'{{"type":"identity",{HEAD},"handle":"{handle}"}}'


@pytest.mark.parametrize(
    "status", ["takendown", "suspended", "deleted", "deactivated", "desynchronized", "throttled", "novel"]
)
def test_account_status(status: str) -> None:
    expected = f'{{"type":"account",{HEAD},"active":false,"status":"{status}"}}'
    assert event("#account", active=False, status=status) == expected
    assert event("#account", active=False, status=status.title()) == expected


def test_account_without_status() -> None:
    assert event("#account", active=True) == f'{{"type":"account",{HEAD},"active":true,"status":null}}'
    assert decode("#account", active=True).kinds == ("account",)


def test_deprecated_messages() -> None:
    assert event("#handle", handle="example.com") == f'{{"type":"identity",{HEAD},"handle":"example.com"}}'
    assert event("#tombstone") == f'{{"type":"account",{HEAD},"active":false,"status":"deleted"}}'
    migrate = decode("#migrate", migrateTo="https://example.com")
    assert migrate == DecodedFrame(seq=7, unknown_type="#migrate")


def test_sync() -> None:
    ((cid, _),) = blocks = build.blocks_of({"did": DID, "rev": REV})
    assert event("#sync", rev=REV, blocks=build.car(blocks)) == (
        f'{{"type":"sync",{HEAD},"commit":"{Cid(cid)}","rev":"{REV}"}}'
    )


SYNC_BLOCK = build.blocks_of({"did": DID})[0]


@pytest.mark.parametrize(
    "blocks",
    [
        ...,
        None,
        b"",
        b"garbage",
        "text",
        build.car([]),
        build.car([SYNC_BLOCK], roots=[]),
        build.car([SYNC_BLOCK], roots=[build.cid_of(b"other")]),
        build.car([(SYNC_BLOCK[0], b"\xa0")]),
        build.car([SYNC_BLOCK])[:-1],
    ],
)
def test_a_sync_without_a_valid_commit_is_still_a_sync(blocks: object) -> None:
    assert event("#sync", rev=REV, blocks=blocks) == f'{{"type":"sync",{HEAD},"rev":"{REV}"}}'


@pytest.mark.parametrize(
    ("kind", "fields", "message"),
    [
        ("#identity", {"did": None}, "did: expected a DID, got nothing"),
        ("#identity", {"did": "did:plc:" + "x" * 5000}, "did: expected a DID, got str of length 5008"),
        ("#identity", {"handle": 5}, "handle: expected str or null, got 5"),
        ("#account", {}, "active: expected true or false, got nothing"),
        ("#account", {"active": 1}, "active: expected true or false, got 1"),
        ("#account", {"active": True, "status": True}, "status: expected str or null, got True"),
        ("#tombstone", {"did": ...}, "did: expected a DID, got nothing"),
        ("#sync", {"rev": None}, "rev: expected a text, got nothing"),
    ],
)
def test_a_message_with_an_invalid_field_is_a_dead_letter(kind: str, fields: dict[str, Any], message: str) -> None:
    decoded = decode(kind, **fields)
    (letter,) = decoded.dead_letters
    assert (decoded.seq, decoded.events, letter.seq) == (7, (), 7)
    assert (letter.reason, letter.message) == (DeadLetterReason.MESSAGE_INVALID, message)


def test_a_sync_as_an_entry_for_the_backfill() -> None:
    decoder = FirehoseDecoder(collections=["*"], resync_origin="https://relay.example")
    frame = build.frame("#sync", {"seq": 7, "did": DID, "time": TIME, "rev": REV})
    decoded = decoder.decode(frame, received=build.RECEIVED)
    assert isinstance(decoded, DecodedFrame)
    assert (decoded.kinds, len(decoded.events)) == (("sync",), 1)
    assert decoded.resyncs == (
        f'{{"did":"{DID}","host":"https://relay.example","rev":"{REV}","status":null,"active":true}}'.encode(),
    )
    assert decode("#sync", rev=REV).resyncs == ()


def test_an_omitted_sync_moves_the_cursor_and_reaches_the_backfill() -> None:
    decoder = FirehoseDecoder(collections=["*"], omit_sync=True, resync_origin="https://relay.example")
    frame = build.frame("#sync", {"seq": 7, "did": DID, "time": TIME, "rev": REV})
    decoded = decoder.decode(frame, received=build.RECEIVED)
    assert isinstance(decoded, DecodedFrame)
    assert (decoded.seq, decoded.time, decoded.events, decoded.kinds, decoded.filtered, decoded.dead_letters) == (
        7,
        TIME,
        (),
        (),
        0,
        (),
    )
    assert len(decoded.resyncs) == 1
    bad = decoder.decode(build.frame("#sync", {"seq": 8, "did": DID, "time": TIME}), received=build.RECEIVED)
    assert isinstance(bad, DecodedFrame)
    assert (bad.seq, bad.events, len(bad.dead_letters)) == (8, (), 1)
