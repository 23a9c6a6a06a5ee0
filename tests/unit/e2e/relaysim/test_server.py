"""The server of the simulator: subscriptions, cursors, TLS and refusals."""

import asyncio
import ssl
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from websockets.exceptions import ConnectionClosed, InvalidStatus

from e2e.relaysim.__main__ import parse
from e2e.relaysim.cursors import PROFILES
from e2e.relaysim.sim import FIRST_SEQ, RelaySim
from tests.unit.e2e.relaysim.client import subscribe

LAST = FIRST_SEQ + 19
_MANY = 20_000


async def test_live_frames_are_those_of_the_journal() -> None:
    async with RelaySim(rate=200) as sim, subscribe(sim) as client:
        frames = [await client.frame() for _ in range(60)]
        notes = sim.journal.between(frames[0][1]["seq"], frames[-1][1]["seq"])
        assert len(notes) == 60
        for (header, body), note in zip(frames, notes, strict=True):
            assert (header["t"], body["seq"], body["time"]) == (note.kind, note.seq, note.time)
            assert body.get("repo", body.get("did")) == note.facts["did"]
            assert [op["path"] for op in body.get("ops", ())] == [op["path"] for op in note.facts.get("ops", ())]


async def test_sequence_starts_at_the_scale_of_the_real_one() -> None:
    async with RelaySim(paused=True) as sim, subscribe(sim) as client:
        await sim.connected()
        await sim.emit(3)
        assert await client.seqs(3) == [6_322_875_401, 6_322_875_402, 6_322_875_403]


@pytest.mark.parametrize(("profile", "first"), [("spec", FIRST_SEQ + 5), ("pds", FIRST_SEQ + 6)])
async def test_replay_and_then_live(profile: str, first: int) -> None:
    rules = PROFILES[profile]
    async with RelaySim(paused=True, prefill=20, rules=rules) as sim, subscribe(sim, FIRST_SEQ + 5) as client:
        replayed = list(range(first, LAST + 1))
        assert await client.seqs(len(replayed)) == replayed
        assert await client.silent(0.1)
        await sim.emit(1)
        assert await client.seqs(1) == [LAST + 1]


async def test_no_cursor_means_live_and_zero_means_oldest() -> None:
    sim = RelaySim(paused=True, prefill=20, window=5)
    async with sim, subscribe(sim) as live, subscribe(sim, 0) as oldest:
        assert await oldest.seqs(5) == list(range(LAST - 4, LAST + 1))
        assert await live.silent(0.1)


async def test_an_outdated_cursor_gets_an_info() -> None:
    async with RelaySim(paused=True, prefill=20, window=5) as sim:
        async with subscribe(sim, FIRST_SEQ) as client:
            assert (await client.frame())[1]["name"] == "OutdatedCursor"
            assert await client.seqs(1) == [LAST - 4]
        sim.fault("cursors", profile="indigo")
        async with subscribe(sim, FIRST_SEQ) as client:
            assert await client.seqs(1) == [LAST - 4]


async def test_a_future_cursor_ends_or_goes_live() -> None:
    async with RelaySim(paused=True, prefill=20) as sim:
        async with subscribe(sim, LAST + 1) as client:
            assert await client.frame() == (
                {"op": -1},
                {"error": "FutureCursor", "message": "Cursor in the future."},
            )
            with pytest.raises(ConnectionClosed) as closed:
                await client.message()
            assert closed.value.rcvd
            assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1008, "FutureCursor")
        sim.fault("cursors", future_error=False)
        async with subscribe(sim, LAST + 10**6) as client:
            await sim.connected()
            await sim.emit(1)
            assert await client.seqs(1) == [LAST + 1]


@pytest.mark.parametrize("cursor", ["-1", "abc", "9007199254740992", ""])
async def test_an_invalid_cursor_is_refused(cursor: str) -> None:
    async with RelaySim(paused=True) as sim, aiohttp.ClientSession() as http:
        url = f"{sim.http_url}/xrpc/com.atproto.sync.subscribeRepos?cursor={cursor}"
        async with http.get(url) as answer:
            assert answer.status == 400
            assert (await answer.json())["error"] == "InvalidRequest"


async def test_without_an_upgrade_it_asks_for_one() -> None:
    async with RelaySim(paused=True) as sim, aiohttp.ClientSession() as http:
        async with http.get(f"{sim.http_url}/xrpc/com.atproto.sync.subscribeRepos") as answer:
            assert answer.status == 426
        async with http.get(f"{sim.http_url}/xrpc/_health") as answer:
            assert answer.status == 200


async def test_pings_are_answered() -> None:
    async with RelaySim(paused=True) as sim, subscribe(sim) as client:
        async with asyncio.timeout(60):
            await (await client.socket.ping())


async def test_full_speed_waits_for_the_slowest_reader_and_ends_at_the_limit() -> None:
    async with RelaySim(rate=0, corpus=50, limit=_MANY, window=_MANY) as sim, subscribe(sim, 0, max_queue=1) as slow:
        await slow.message()
        stuck = await emitted_at_rest(sim)
        assert stuck < _MANY
        async with subscribe(sim, 0) as fast:
            first = await fast.seqs(stuck)
            assert first == list(range(FIRST_SEQ, FIRST_SEQ + stuck))
            assert await fast.silent(0.1)
        assert await slow.seqs(_MANY - 1) == list(range(FIRST_SEQ + 1, FIRST_SEQ + _MANY))
        assert await slow.silent(0.2)


async def emitted_at_rest(sim: RelaySim) -> int:
    """How many events were emitted, once no more are emitted for many rounds of the loop."""
    total, rounds = -1, 0
    while rounds < 40:
        total, rounds = sim.journal.total, rounds + 1 if sim.journal.total == total else 0
        await asyncio.sleep(0.01)
    return total


async def test_a_rate_is_kept() -> None:
    """It catches up for at most one second in which this process was paused."""
    async with RelaySim(rate=500, corpus=50) as sim, subscribe(sim) as client:
        await client.message()
        loop = asyncio.get_running_loop()
        begin = loop.time()
        await client.seqs(1000)
        assert 0.9 < loop.time() - begin < 20


async def test_a_pause_of_the_process_is_not_caught_up() -> None:
    async with RelaySim(rate=2000, corpus=50) as sim:
        await sim.until(lambda: sim.journal.total > 0)
        time.sleep(0.5)  # as if this process had been paused
        before = sim.journal.total
        while sim.journal.total == before:
            await asyncio.sleep(0)
        sim.pause()
        paused = sim.repos.next_seq
        await asyncio.sleep(0.1)
        assert sim.repos.next_seq == paused


async def test_a_reader_that_falls_out_of_the_window_is_too_slow() -> None:
    async with RelaySim(paused=True, window=10) as sim, subscribe(sim) as client:
        await sim.connected()
        sim.fault("stall")
        await sim.emit(20)
        sim.fault("unstall")
        assert (await client.frame())[1]["error"] == "ConsumerTooSlow"


async def test_stopping_closes_connections_properly() -> None:
    sim = RelaySim(paused=True)
    await sim.start()
    async with subscribe(sim) as client:
        await sim.connected()
        await sim.stop()
        with pytest.raises(ConnectionClosed) as closed:
            await client.message()
        assert closed.value.rcvd
        assert closed.value.rcvd.code == 1001


async def test_a_restart_continues_the_sequence() -> None:
    sim = RelaySim(paused=True, prefill=3)
    await sim.start()
    host = sim.host
    await sim.stop()
    with pytest.raises(ConnectionRefusedError):
        async with subscribe(sim):
            pass
    await sim.start()
    try:
        assert sim.host == host
        async with subscribe(sim, 0) as client:
            assert len(await client.seqs(6)) == 6
    finally:
        await sim.stop()


async def test_a_private_authority_and_wss(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "relay")])
    now = datetime.now(UTC)
    cert = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (tmp_path / "cert.pem").write_bytes(cert.public_bytes(Encoding.PEM))
    pkcs8 = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.pem").write_bytes(pkcs8)
    files = ["--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem")]
    options = parse(["--host", "127.0.0.1", "--port", "0", "--paused", "--prefill", "3", *files])
    trust = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
    async with RelaySim(options) as sim, subscribe(sim, 0, ssl=trust) as client:
        assert sim.url.startswith("wss://")
        assert len(await client.seqs(3)) == 3


async def test_an_answer_can_be_delayed() -> None:
    async with RelaySim(paused=True) as sim:
        sim.fault("refuse", status=503, delay=3)
        with pytest.raises(TimeoutError):
            async with subscribe(sim, open_timeout=1):
                pass
        async with subscribe(sim) as client:
            assert client.socket.response


async def test_refusals_come_before_the_upgrade() -> None:
    async with RelaySim(paused=True) as sim:
        sim.fault("refuse", status=429, retry_after="7")
        sim.fault("refuse", status=502, html=True, times=2)
        statuses = []
        for _ in range(3):
            with pytest.raises(InvalidStatus) as refused:
                async with subscribe(sim):
                    pass
            statuses.append(refused.value.response.status_code)
            if statuses == [429]:
                assert refused.value.response.headers["Retry-After"] == "7"
            else:
                assert refused.value.response.headers["Content-Type"].startswith("text/html")
        assert statuses == [429, 502, 502]
        async with subscribe(sim) as client:
            assert client.socket.response
