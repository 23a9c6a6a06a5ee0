"""The encoders of the simulator against the decoder of the ingester. They share no code."""

import json
from collections import Counter
from datetime import UTC, datetime
from itertools import islice

import pytest

from e2e.relaysim import damage
from e2e.relaysim.datamodel import record_cid
from e2e.relaysim.network import Network
from sluice_wire.events import DecodedFrame
from sluice_wire.firehose import FirehoseDecoder

NOW = datetime(2026, 11, 24, tzinfo=UTC)
DECODER = FirehoseDecoder(collections=["*"])


def decode(frame: bytes) -> DecodedFrame:
    decoded = DECODER.decode(frame, received=NOW)
    assert isinstance(decoded, DecodedFrame)
    return decoded


def test_every_record_arrives_whole() -> None:
    """The JSON of a record, encoded again, has the CID of the commit, so nothing is lost or added."""
    kinds: Counter[str] = Counter()
    for seq, event in enumerate(islice(Network(seed="agree"), 1_500), 6_322_875_401):
        decoded = decode(event.frame.stamp(seq, "2026-11-24T12:00:00.000Z"))
        assert (decoded.seq, decoded.dead_letters, decoded.unknown_type) == (seq, (), None)
        stored = [json.loads(text) for text in decoded.events]
        kinds.update(one["type"] for one in stored)
        if event.kind == "#commit":
            ops = [(one["type"], f"{one['collection']}/{one['rkey']}", one.get("cid")) for one in stored]
            assert ops == [(op["action"], op["path"], op["cid"]) for op in event.facts["ops"]]
            assert {one["rev"] for one in stored} <= {event.facts["rev"]}
            assert all(record_cid(one["record"]) == one["cid"] for one in stored if "record" in one)
        else:
            assert [one["did"] for one in stored] == [event.facts["did"]]
    assert kinds.keys() == {"create", "update", "delete", "identity", "account", "sync"}


@pytest.mark.parametrize("how", damage.HOW)
def test_a_damaged_frame_loses_only_the_damaged_part(how: str) -> None:
    event = damage.damaged(Network(seed="harm", size=3), how)
    decoded = decode(event.frame.stamp(7, "2026-11-24T12:00:00.000Z"))
    assert len(decoded.dead_letters) == 1
    ops = event.facts["ops"]
    kept = [op["path"] for op in ops if op["path"] not in event.facts["lost"]] if "lost" in event.facts else []
    stored = [json.loads(text) for text in decoded.events]
    assert [f"{one['collection']}/{one['rkey']}" for one in stored] == kept
