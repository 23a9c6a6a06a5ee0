"""The fingerprint of a message: the same for each repeat, whatever its time."""

from typing import Any

import pytest

from sluice_wire.collection_filter import CollectionFilter
from sluice_wire.fast_commit import decode_usual_commit
from sluice_wire.fingerprint import FINGERPRINT_BYTES, fingerprint
from tests.unit.wire.build import DID, POST, TIME, car, cid_of, commit, frame, write
from tests.unit.wire.random_commits import encode, usual_frame

BODY = commit([write("app.bsky.feed.post/1", POST)], [POST])


def of(**changes: Any) -> bytes:
    return fingerprint(frame("#commit", BODY | changes))


@pytest.mark.parametrize(
    "time", ["2026-11-28T00:00:00.000Z", "2026-11-28T00:00:00+01:00", "2026-11-28T00:00:00.123456789Z"]
)
def test_messages_that_differ_in_time_have_one_fingerprint(time: str) -> None:
    assert of(time=time) == of(time=TIME)
    assert len(of()) == FINGERPRINT_BYTES


@pytest.mark.parametrize(
    "changes", [{"seq": 8}, {"repo": "did:plc:other"}, {"rev": "3l"}, {"blocks": b""}, {"ops": []}, {"time": "soon"}]
)
def test_messages_that_differ_in_anything_else_have_different_fingerprints(changes: dict[str, Any]) -> None:
    assert of(**changes) != of()


def of_usual(**changes: Any) -> bytes | None:
    """The fingerprint of a usual commit. None if it is not decoded as one."""
    decoded = decode_usual_commit(usual_frame(**changes), CollectionFilter(["*"]))
    return None if decoded is None else decoded.fingerprint


def test_the_fingerprint_of_a_usual_commit() -> None:
    assert of_usual() == of_usual(time="2026-11-28T00:00:00.000Z")
    assert len(of_usual() or b"") == FINGERPRINT_BYTES
    for changes in ({"seq": 8}, {"rev": "3l" + "a" * 11}, {"since": None}, {"tooBig": True}):
        assert of_usual(**changes) not in (of_usual(), None), changes


def test_other_blocks_around_the_same_record_make_no_difference() -> None:
    block = encode(POST)
    for other in (bytes(300), bytes(301)):
        assert of_usual(blocks=car([(cid_of(block), block), (cid_of(other), other)])) == of_usual()


def test_a_frame_without_its_record_has_another_fingerprint() -> None:
    damaged = car([(cid_of(bytes(300)), bytes(300))])
    assert of_usual(blocks=damaged) is None
    assert fingerprint(usual_frame(blocks=damaged)) not in (of_usual(), fingerprint(usual_frame()))


def test_a_frame_without_a_time() -> None:
    labels = [frame("#labels", {"seq": seq, "labels": []}) for seq in (1, 2, 1)]
    assert [fingerprint(labels[0]) == fingerprint(label) for label in labels] == [True, False, True]
    assert fingerprint(b"") != fingerprint(b"\xff")


def test_a_time_within_a_record_is_content() -> None:
    with_times = [{"$type": "a.b.c", "time": time} for time in (TIME, "2026-11-28T00:00:00.000Z")]
    one, other = (frame("#commit", commit([write("a.b.c/1", record)], [record], repo=DID)) for record in with_times)
    assert fingerprint(one) != fingerprint(other)
