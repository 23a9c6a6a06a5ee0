"""The control interface of the simulator over HTTP."""

from typing import Any

import aiohttp
import pytest

from e2e.relaysim.sim import FIRST_SEQ, RelaySim


class Remote:
    """A client of the control interface."""

    def __init__(self, sim: RelaySim, http: aiohttp.ClientSession) -> None:
        self._base = f"{sim.http_url}/control"
        self._http = http

    async def get(self, path: str) -> Any:
        async with self._http.get(f"{self._base}/{path}") as answer:
            assert answer.status == 200
            return await answer.json()

    async def post(self, path: str, status: int = 200, **body: Any) -> Any:
        async with self._http.post(f"{self._base}/{path}", json=body) as answer:
            assert answer.status == status
            return await answer.json()


async def test_emit_and_journal() -> None:
    async with RelaySim(paused=True) as sim, aiohttp.ClientSession() as http:
        remote = Remote(sim, http)
        emitted = (await remote.post("emit", count=25))["entries"]
        assert [entry["seq"] for entry in emitted] == list(range(FIRST_SEQ, FIRST_SEQ + 25))
        journal = await remote.get("journal")
        assert journal == {"total": 25, "dropped": 0, "next": None, "entries": emitted}
        assert {"seq", "time", "kind", "did", "rev", "commit", "ops"} <= next(
            entry.keys() for entry in emitted if entry["kind"] == "#commit"
        )
        part = await remote.get(f"journal?from={FIRST_SEQ + 3}&to={FIRST_SEQ + 5}")
        assert part["entries"] == emitted[3:6]
        first = await remote.get("journal?limit=10")
        assert (first["entries"], first["next"]) == (emitted[:10], 10)
        assert (await remote.get("journal?limit=10&offset=20"))["entries"] == emitted[20:]


async def test_a_journal_without_its_oldest_entries_says_so() -> None:
    async with RelaySim(paused=True, journal=10) as sim, aiohttp.ClientSession() as http:
        await sim.emit(25)
        journal = await Remote(sim, http).get("journal")
        assert (journal["total"], journal["dropped"]) == (25, 15)
        assert [entry["seq"] for entry in journal["entries"]] == list(range(FIRST_SEQ + 15, FIRST_SEQ + 25))


async def test_the_pace() -> None:
    async with RelaySim(paused=True) as sim, aiohttp.ClientSession() as http:
        remote = Remote(sim, http)
        assert (await remote.post("rate", rate=5000))["rate"] == 5000
        assert (await remote.post("limit", limit=40))["limit"] == 40
        assert (await remote.post("resume"))["paused"] is False
        await sim.until(lambda: sim.journal.total == 40)
        assert (await remote.post("limit", limit=60))["emitted"] >= 40
        await sim.until(lambda: sim.journal.total == 60)
        assert (await remote.post("pause"))["paused"] is True
        status = await remote.get("status")
        assert (status["repos"]["emitted"], status["repos"]["newest"]) == (60, FIRST_SEQ + 59)
        assert status["labels"]["emitted"] == 0


async def test_accounts_are_listed_with_their_keys() -> None:
    async with RelaySim(paused=True, accounts=3) as sim, aiohttp.ClientSession() as http:
        accounts = (await Remote(sim, http).get("accounts"))["accounts"]
        assert [(a["did"], a["key"]) for a in accounts] == [(a.did, a.repo.key.did_key) for a in sim.network.accounts]


async def test_faults_by_name() -> None:
    async with RelaySim(paused=True) as sim, aiohttp.ClientSession() as http:
        remote = Remote(sim, http)
        assert (await remote.get("faults"))["stall"]["params"] == {"seconds": None, "stream": "repos"}
        assert await remote.post("fault/corrupt", how="garbage") == {"seqs": [FIRST_SEQ]}
        assert await remote.post("fault/seq", by=10) == {"next_seq": FIRST_SEQ + 11}
        answer = await remote.post("fault/quake", status=400)
        assert "known are" in answer["message"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("rate", {}),
        ("rate", {"rate": -1}),
        ("rate", {"rate": "fast"}),
        ("limit", {"limit": None}),
        ("emit", {"stream": "x"}),
        ("emit", {"count": "many"}),
        ("pause", {"stream": "x"}),
        ("fault/stall", {"minutes": 1}),
    ],
)
async def test_invalid_requests_are_refused(path: str, body: dict[str, Any]) -> None:
    async with RelaySim(paused=True) as sim, aiohttp.ClientSession() as http:
        answer = await Remote(sim, http).post(path, status=400, **body)
        assert answer["error"] == "InvalidRequest"
        assert answer["message"]
