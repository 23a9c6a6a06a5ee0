"""The decoders against the published vectors. The hashes of the vectors themselves are checked, too."""

import json
from typing import Any

import pytest

from sluice_wire import car, dagcbor, datajson
from sluice_wire.cid import Cid
from sluice_wire.events import DecodedFrame
from sluice_wire.firehose import FirehoseDecoder
from tests.unit.wire import published
from tests.unit.wire.build import RECEIVED, encode

FIXTURES = published.load("data-model/data-model-fixtures.json")
VALID = published.load("data-model/data-model-valid.json")
CARS = published.load("car/car-file-fixtures.json")
COMMITS = published.captured_commits()


@pytest.mark.parametrize("fixture", FIXTURES, ids=range(len(FIXTURES)))
def test_data_model_fixture(fixture: dict[str, Any]) -> None:
    block = published.unbase64(fixture["cbor_base64"])
    assert json.loads(datajson.dumps(dagcbor.decode(block))) == fixture["json"]
    cid = Cid.parse(published.uncid(fixture["cid"]))
    assert str(cid) == fixture["cid"]
    assert cid.matches(block)
    assert not cid.matches(block + b"\0")


@pytest.mark.parametrize("entry", VALID, ids=[entry["note"] for entry in VALID])
def test_valid_data_is_unchanged_after_a_round_trip(entry: dict[str, Any]) -> None:
    assert json.loads(datajson.dumps(dagcbor.decode(encode(entry["json"])))) == entry["json"]


@pytest.mark.parametrize("fixture", CARS, ids=range(len(CARS)))
def test_car_fixture(fixture: dict[str, Any]) -> None:
    container = published.unbase64(fixture["car"])
    assert [str(root) for root in car.read_roots(container)] == [fixture["root"]]
    found = [(str(Cid(cid)), bytes(block)) for cid, block in car.iter_blocks(container)]
    assert found == [(block["cid"], published.unbase64(block["bytes"])) for block in fixture["blocks"]]
    assert all(Cid(cid).matches(block) for cid, block in car.iter_blocks(container))


@pytest.mark.parametrize("seq", COMMITS)
def test_blocks_of_a_captured_commit(seq: int) -> None:
    container = published.unbase64(COMMITS[seq]["blocks"]["$bytes"])
    assert [str(root) for root in car.read_roots(container)] == [COMMITS[seq]["commit"]["$link"]]
    matches = [Cid(cid).matches(block) for cid, block in car.iter_blocks(container)]
    assert matches == [True] * {4621317030: 8, 4623075231: 3}[seq]


@pytest.mark.parametrize("seq", COMMITS)
def test_captured_commit(seq: int) -> None:
    message = COMMITS[seq]
    frame = published.frame_of({"t": "#commit", "op": 1}, message)
    decoded = FirehoseDecoder(collections=["app.bsky.*"]).decode(frame, received=RECEIVED)
    assert isinstance(decoded, DecodedFrame)
    assert (decoded.seq, decoded.time, decoded.kinds, decoded.dead_letters) == (seq, message["time"], ("create",), ())

    (op,) = message["ops"]
    collection, rkey = op["path"].split("/")
    event = json.loads(decoded.events[0])
    assert event.pop("record")["$type"] == collection
    assert event == {
        "type": "create",
        "seq": seq,
        "time": message["time"],
        "did": message["repo"],
        "commit": message["commit"]["$link"],
        "rev": message["rev"],
        "collection": collection,
        "rkey": rkey,
        "cid": op["cid"]["$link"],
    }


def test_captured_account_lifecycle() -> None:
    decoder = FirehoseDecoder(collections=["app.bsky.feed.post"])
    events = []
    for frame in published.captured_lifecycle():
        decoded = decoder.decode(frame, received=RECEIVED)
        assert isinstance(decoded, DecodedFrame)
        events += [event.decode() for event in decoded.events]
    did = '"did":"did:plc:vvpy7d6y2li5yo73cgbszibl"'
    root = "bafyreichtlroxhi2ujvhrkv2lvqxckhtrqsqvkrie3bxxpzlsmewbc2y3y"
    morning, noon = '"time":"2025-04-16T23:40:33.895Z"', '"time":"2025-04-16T23:41:33.895Z"'
    assert events == [
        f'{{"type":"identity","seq":110,{morning},{did},"handle":"pengua.gndr.social"}}',
        f'{{"type":"account","seq":120,{morning},{did},"active":true,"status":null}}',
        f'{{"type":"sync","seq":130,"time":"2025-04-16T23:40:33.897Z",{did},"commit":"{root}","rev":"3lmxrbvasth2t"}}',
        f'{{"type":"account","seq":140,{noon},{did},"active":false,"status":"deleted"}}',
    ]
