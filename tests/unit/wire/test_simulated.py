"""The decoders against the simulated network, which has an encoder of its own."""

import json
from itertools import islice
from typing import Any

from e2e.relaysim.labels import Labeler
from e2e.relaysim.network import Network
from sluice_wire.events import DecodedFrame
from sluice_wire.firehose import FirehoseDecoder
from sluice_wire.labels import LabelsDecoder
from tests.unit.wire.build import RECEIVED, TIME

SEQ = 6_322_875_401


def test_a_thousand_simulated_events_are_decoded() -> None:
    decoder = FirehoseDecoder(collections=["*"])
    kinds: set[str] = set()
    for seq, event in enumerate(islice(Network(seed="wire", size=20), 1000), SEQ):
        decoded = decoder.decode(event.frame.stamp(seq, TIME), received=RECEIVED)
        assert isinstance(decoded, DecodedFrame)
        assert (decoded.seq, decoded.time, decoded.dead_letters, decoded.unknown_type) == (seq, TIME, (), None)
        texts = [json.loads(text) for text in decoded.events]
        assert all((text["seq"], text["time"], text["did"]) == (seq, TIME, event.facts["did"]) for text in texts)
        assert [_facts(text) for text in texts] == _expected(event.kind, event.facts)
        kinds.update(decoded.kinds)
    assert kinds == {"create", "update", "delete", "identity", "account", "sync"}


def _facts(text: dict[str, Any]) -> dict[str, Any]:
    if text["type"] in ("create", "update"):
        assert text["record"]["$type"] == text["collection"]
    if text["type"] in ("create", "update", "delete"):
        path = f"{text['collection']}/{text['rkey']}"
        return {"action": text["type"], "path": path, "cid": text.get("cid"), "rev": text["rev"]}
    return {key: value for key, value in text.items() if key not in ("seq", "time", "did")}


def _expected(kind: str, facts: Any) -> list[dict[str, Any]]:
    match kind:
        case "#commit":
            return [op | {"rev": facts["rev"]} for op in facts["ops"]]
        case "#identity":
            return [{"type": "identity", "handle": facts.get("handle")}]
        case "#account":
            return [{"type": "account", "active": facts["active"], "status": facts.get("status")}]
        case "#sync":
            return [{"type": "sync", "commit": facts["commit"], "rev": facts["rev"]}]
    raise AssertionError(kind)


def test_simulated_labels_are_decoded() -> None:
    decoder = LabelsDecoder()
    signed = 0
    for seq, event in enumerate(islice(Labeler(Network(seed="wire", size=3)), 200), 1):
        decoded = decoder.decode(event.frame.stamp(seq, TIME), received=RECEIVED)
        assert isinstance(decoded, DecodedFrame)
        assert (decoded.seq, decoded.dead_letters) == (seq, ())
        (text,) = decoded.events
        labels = json.loads(text)["labels"]
        assert [_present(label) for label in labels] == [_present(label) for label in event.facts["labels"]]
        signed += sum("sig" in label for label in labels)
    assert 0 < signed < 200


def _present(label: Any) -> dict[str, Any]:
    return {key: value for key, value in label.items() if value is not None}
