"""Every fault of the simulator, as a client observes it."""

import asyncio
import io
from typing import Any

import cbor2
import pytest
from websockets.exceptions import ConnectionClosed

from e2e.relaysim import damage, faults, oddities
from e2e.relaysim.cid import Cid
from e2e.relaysim.sim import FIRST_SEQ, RelaySim
from tests.unit.e2e.relaysim import reading
from tests.unit.e2e.relaysim.client import LABELS, Client, subscribe


async def closed(client: Client) -> ConnectionClosed:
    try:
        while True:
            await client.message()
    except ConnectionClosed as exc:
        return exc


@pytest.mark.parametrize("how", ["abort", "in-frame"])
async def test_cut_without_a_close(how: str) -> None:
    async with RelaySim(paused=True) as sim, subscribe(sim) as client:
        await sim.connected()
        await sim.emit(3)
        assert len(await client.seqs(3)) == 3
        assert sim.fault("cut", how=how) == {"readers": 1}
        assert (await closed(client)).rcvd is None
        await sim.until(lambda: not sim.repos.readers)
        async with subscribe(sim, FIRST_SEQ + 3 - 1) as again:
            assert await again.seqs(1) == [FIRST_SEQ + 2]


async def test_cut_with_a_close() -> None:
    async with RelaySim(paused=True) as sim, subscribe(sim) as client:
        await sim.connected()
        sim.fault("cut", how="close", code=1012)
        rcvd = (await closed(client)).rcvd
        assert rcvd
        assert rcvd.code == 1012


async def test_a_stalled_connection_is_open_and_dead_and_a_new_one_is_served() -> None:
    async with RelaySim(paused=True) as sim, subscribe(sim) as client:
        await sim.connected()
        sim.fault("stall")
        await sim.emit(5)
        assert await client.silent()
        pong = await client.socket.ping()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(pong), 0.3)
        async with subscribe(sim, 0) as other:
            assert len(await other.seqs(5)) == 5
        sim.fault("unstall")
        assert len(await client.seqs(5)) == 5


async def test_a_stall_ends_by_itself() -> None:
    async with RelaySim(paused=True) as sim, subscribe(sim) as client:
        await sim.connected()
        sim.fault("stall", seconds=0.2)
        await sim.emit(1)
        assert await client.seqs(1) == [FIRST_SEQ]


async def test_a_client_that_leaves_a_stalled_connection_is_forgotten() -> None:
    async with RelaySim(paused=True) as sim:
        async with subscribe(sim):
            await sim.connected()
            sim.fault("stall")
        await sim.until(lambda: not sim.repos.readers)


async def test_a_jump_forward_leaves_a_gap() -> None:
    async with RelaySim(paused=True) as sim, subscribe(sim) as client:
        await sim.connected()
        await sim.emit(1)
        sim.fault("seq", by=1000)
        await sim.emit(1)
        assert await client.seqs(2) == [FIRST_SEQ, FIRST_SEQ + 1001]


async def test_a_jump_back_is_a_new_sequence() -> None:
    async with RelaySim(paused=True, prefill=5) as sim, subscribe(sim) as client:
        await sim.connected()
        sim.fault("seq", to=1000)
        await sim.emit(2)
        assert await client.seqs(2) == [1000, 1001]
        async with subscribe(sim, 0) as fresh:
            assert await fresh.seqs(2) == [1000, 1001]
        async with subscribe(sim, FIRST_SEQ) as late:
            assert (await late.frame())[1]["error"] == "FutureCursor"


async def test_a_gap_loses_events() -> None:
    async with RelaySim(paused=True) as whole, RelaySim(paused=True) as sim:
        sim.fault("gap", count=3)
        (note,) = await sim.emit(1)
        notes = await whole.emit(4)
        assert note.seq == notes[3].seq == FIRST_SEQ + 3
        assert note.facts == notes[3].facts


async def test_evict_outdates_cursors() -> None:
    async with RelaySim(paused=True, prefill=10) as sim:
        assert sim.fault("evict", keep=2) == {"oldest": FIRST_SEQ + 8, "lost": FIRST_SEQ + 7}
        async with subscribe(sim, FIRST_SEQ) as client:
            assert (await client.frame())[1]["name"] == "OutdatedCursor"
            assert await client.seqs(2) == [FIRST_SEQ + 8, FIRST_SEQ + 9]


async def test_repeat_sends_again() -> None:
    async with RelaySim(paused=True) as sim, subscribe(sim) as client:
        await sim.connected()
        await sim.emit(3)
        await client.seqs(3)
        sim.fault("repeat", count=2)
        await sim.emit(1)
        assert await client.seqs(3) == [FIRST_SEQ + 1, FIRST_SEQ + 2, FIRST_SEQ + 3]


async def test_too_slow_and_other_errors() -> None:
    async with RelaySim(paused=True) as sim:
        for name, params in (
            ("ConsumerTooSlow", {"name": "too-slow"}),
            ("Weird", {"name": "error", "error": "Weird"}),
        ):
            async with subscribe(sim) as client:
                await sim.connected()
                if params["name"] == "too-slow":
                    sim.fault("too-slow")
                else:
                    sim.fault("error", error="Weird", message="unheard of")
                header, body = await client.frame()
                assert (header, body["error"]) == ({"op": -1}, name)
                rcvd = (await closed(client)).rcvd
                assert rcvd
                assert (rcvd.code, rcvd.reason) == (1008, name)
            await sim.until(lambda: not sim.repos.readers)


async def test_faults_of_the_labeler_leave_the_relay_alone() -> None:
    async with RelaySim(paused=True) as sim, subscribe(sim) as repos, subscribe(sim, endpoint=LABELS) as labels:
        await sim.connected()
        await sim.until(lambda: len(sim.labels.readers) == 1)
        sim.fault("cut", stream="labels")
        await closed(labels)
        await sim.emit(1)
        assert await repos.seqs(1) == [FIRST_SEQ]


@pytest.mark.parametrize("how", damage.HOW)
async def test_damage_is_followed_by_a_good_frame(how: str) -> None:
    async with RelaySim(paused=True) as sim, subscribe(sim) as client:
        await sim.connected()
        answer = sim.fault("corrupt", how=how)
        assert answer == {"seqs": [FIRST_SEQ]}
        await sim.emit(1)
        if how == "text":
            assert isinstance(await client.socket.recv(), str)
        else:
            assert _flawed(how, await client.message(), sim)
        assert await client.seqs(1) == [FIRST_SEQ + 1]
        note = next(iter(sim.journal))
        assert (note.seq, note.facts["fault"]) == (FIRST_SEQ, how)


def _flawed(how: str, message: bytes, sim: RelaySim) -> bool:
    """Whether the message is invalid. In a commit with one bad record, the other records must be valid."""
    note = next(iter(sim.journal))
    if "lost" not in note.facts:
        return _undecodable(message)
    _, body = reading.frame(message)
    raw = _loose_blocks(body["blocks"])
    good = [op for op in body["ops"] if op["path"] not in note.facts["lost"]]
    assert len(good) == 2
    for op in good:
        cid = reading.cid(op["cid"])
        assert Cid.of(raw[cid]) == cid
        assert isinstance(cbor2.loads(raw[cid]), dict)
    (bad,) = [op for op in body["ops"] if op["path"] in note.facts["lost"]]
    block = raw.get(reading.cid(bad["cid"]))
    if how == "missing-block":
        return block is None
    assert block is not None
    if how == "bad-block":
        return Cid.of(block) != reading.cid(bad["cid"])
    assert Cid.of(block) == reading.cid(bad["cid"])
    return _no_record(block)


def _undecodable(message: bytes) -> bool:
    try:
        header, body = reading.frame(message)
        reading.car(body["blocks"])
        return not (header["op"] == 1 and header["t"] == "#commit" and isinstance(body["seq"], int))
    except (AssertionError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        return True
    except (cbor2.CBORError, ValueError):
        return True


def _no_record(block: bytes) -> bool:
    stream = io.BytesIO(block)
    try:
        record = cbor2.load(stream)
    except (cbor2.CBORError, ValueError, RecursionError):
        return True
    return bool(stream.read()) or not isinstance(record, dict)


def _loose_blocks(data: bytes) -> dict[bytes, bytes]:
    blocks: dict[bytes, bytes] = {}
    stream = io.BytesIO(data)
    stream.read(reading.varint(stream))
    while stream.tell() < len(data):
        section = stream.read(reading.varint(stream))
        blocks[Cid(section[:36])] = section[36:]
    return blocks


@pytest.mark.parametrize("what", oddities.WHAT)
async def test_odd_frames_are_well_formed(what: str) -> None:
    async with RelaySim(paused=True) as sim, subscribe(sim) as client:
        await sim.connected()
        sim.fault("odd", what=what)
        header, body = await client.frame()
        assert body["seq"] == FIRST_SEQ
        assert (header["op"] == 7) is (what == "unknown-op")
        if header["t"] == "#commit" and what not in ("too-big", "unknown-op"):
            key = next(a.repo.key.did_key for a in sim.network.accounts if a.did == body["repo"])
            reading.commit(body, key)
        if what == "null-blobs":
            assert body["blobs"] is None
        if what == "null-prev":
            assert body["prev"] is None
            assert "prevData" not in body
        if what == "largest":
            assert 4_500_000 < len(body["blocks"]) < 5_000_000


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("earthquake", {}, "known are cut, stall"),
        ("stall", {"minutes": 1}, "it takes .*seconds"),
        ("cut", {"how": "gently"}, "known are abort"),
        ("corrupt", {"how": "badly"}, "known are garbage"),
        ("odd", {"what": "thing"}, "known are handle"),
        ("seq", {}, "either by or to"),
        ("seq", {"to": 0}, "positive"),
        ("cursors", {"profile": "x"}, "known are spec"),
        ("refuse", {"endpoint": "x"}, "known are subscribeRepos"),
        ("evict", {"stream": "x"}, "known are repos"),
    ],
)
async def test_a_wrong_call_says_what_is_right(name: str, params: dict[str, Any], message: str) -> None:
    async with RelaySim(paused=True) as sim:
        with pytest.raises(ValueError, match=message):
            sim.fault(name, **params)


def test_every_fault_is_described() -> None:
    assert all(fault["does"] for fault in faults.describe().values())
