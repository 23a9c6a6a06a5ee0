"""The simulated labeler: signatures, negations and its stream."""

import base64
from itertools import islice
from typing import Any

import cbor2

from e2e.relaysim import keys
from e2e.relaysim.labels import Labeler
from e2e.relaysim.network import Network
from e2e.relaysim.sim import RelaySim
from tests.unit.e2e.relaysim import reading
from tests.unit.e2e.relaysim.client import LABELS, subscribe


def labels(count: int) -> tuple[Labeler, list[dict[str, Any]]]:
    labeler = Labeler(Network(seed="labelled", size=5))
    found: list[dict[str, Any]] = []
    for seq, event in enumerate(islice(labeler, count), 1):
        header, body = reading.frame(event.frame.stamp(seq, ""))
        assert header == {"op": 1, "t": "#labels"}
        assert body.keys() == {"seq", "labels"}
        assert body["seq"] == seq
        found += body["labels"]
    return labeler, found


def test_all_signatures_are_valid() -> None:
    labeler, found = labels(500)
    unsigned = [label for label in found if "sig" not in label]
    assert 10 < len(unsigned) < 150
    for label in found:
        if "sig" in label:
            bare = {key: value for key, value in label.items() if key != "sig"}
            assert keys.verify(labeler.did_key, cbor2.dumps(bare, canonical=True), label["sig"])
            assert label["ver"] == 1
        assert label["src"] == labeler.did


def test_a_negation_negates_an_earlier_label() -> None:
    _, found = labels(500)
    labelled = set()
    negations = 0
    for label in found:
        key = (label["src"], label["uri"], label["val"])
        if label.get("neg"):
            negations += 1
            assert key in labelled
        labelled.add(key)
    assert negations > 20
    assert {label["exp"][:4] for label in found if "exp" in label} == {"2026", "2031"}


async def test_the_stream_and_its_journal() -> None:
    async with RelaySim(paused=True) as sim, subscribe(sim, 0, endpoint=LABELS) as client:
        notes = await sim.labels.emit(30)
        for note in notes:
            header, body = await client.frame()
            assert (header["t"], body["seq"]) == (note.kind, note.seq)
            expected = note.facts["labels"]
            assert [label["uri"] for label in body["labels"]] == [label["uri"] for label in expected]
            for label, other in zip(body["labels"], expected, strict=True):
                sig = other.get("sig")
                assert label.get("sig") == (sig and base64.b64decode(sig["$bytes"] + "=="))
        assert sim.journal.total == 0
        assert notes[0].seq == 1


async def test_a_quiet_labeler_answers_pings() -> None:
    async with RelaySim(label_rate=1, label_limit=0) as sim, subscribe(sim, endpoint=LABELS) as client:
        await (await client.socket.ping())
        assert await client.silent()


async def test_cursors_behave_as_those_of_ozone() -> None:
    async with RelaySim(paused=True) as sim:
        await sim.labels.emit(10)
        async with subscribe(sim, 7, endpoint=LABELS) as client:
            assert await client.seqs(3) == [8, 9, 10]
        async with subscribe(sim, 11, endpoint=LABELS) as client:
            assert (await client.frame())[1]["error"] == "FutureCursor"
