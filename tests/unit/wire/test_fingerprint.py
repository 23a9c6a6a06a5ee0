"""The fingerprint of a message: the same for each repeat, whatever its time."""

from typing import Any

import pytest

from sluice_wire.fingerprint import FINGERPRINT_BYTES, fingerprint
from tests.unit.wire.build import DID, POST, TIME, commit, frame, write

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


def test_a_frame_without_a_time() -> None:
    labels = [frame("#labels", {"seq": seq, "labels": []}) for seq in (1, 2, 1)]
    assert [fingerprint(labels[0]) == fingerprint(label) for label in labels] == [True, False, True]
    assert fingerprint(b"") != fingerprint(b"\xff")


def test_a_time_within_a_record_is_content() -> None:
    with_times = [{"$type": "a.b.c", "time": time} for time in (TIME, "2026-11-28T00:00:00.000Z")]
    one, other = (frame("#commit", commit([write("a.b.c/1", record)], [record], repo=DID)) for record in with_times)
    assert fingerprint(one) != fingerprint(other)
