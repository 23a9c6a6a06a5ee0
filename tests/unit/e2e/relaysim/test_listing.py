"""The pages of listRepos of the simulator, their cursors and their faults."""

from typing import Any

import aiohttp
import pytest

from e2e.relaysim.listing import Style
from e2e.relaysim.sim import RelaySim


class Lister:
    """Reads a listing over HTTP."""

    def __init__(self, sim: RelaySim, http: aiohttp.ClientSession) -> None:
        self._sim = sim
        self._http = http

    async def get(self, **query: Any) -> tuple[int, dict[str, Any]]:
        url = f"{self._sim.http_url}/xrpc/com.atproto.sync.listRepos"
        async with self._http.get(url, params={k: str(v) for k, v in query.items()}) as answer:
            return answer.status, await answer.json()

    async def all(self, limit: int) -> list[list[dict[str, Any]]]:
        pages, query = [], {"limit": str(limit)}
        while True:
            status, page = await self.get(**query)
            assert status == 200
            pages.append(page["repos"])
            if "cursor" not in page:
                return pages
            query["cursor"] = page["cursor"]


@pytest.mark.parametrize(("style", "sizes"), [("uid", [50, 50, 23]), ("pds", [50, 50, 23, 0])])
async def test_every_account_is_listed_once(style: Style, sizes: list[int]) -> None:
    sim = RelaySim(paused=True, accounts=20, dormant=103, listing=style)
    async with sim, aiohttp.ClientSession() as http:
        pages = await Lister(sim, http).all(50)
    assert [len(page) for page in pages] == sizes
    repos = [repo for page in pages for repo in page]
    assert len({repo["did"] for repo in repos}) == 123
    assert all(repo["head"].startswith("bafyrei") and len(repo["rev"]) == 13 for repo in repos)
    assert {account.did for account in sim.network.accounts} <= {repo["did"] for repo in repos}


async def test_a_full_last_page_has_a_cursor_to_an_empty_one() -> None:
    async with RelaySim(paused=True, accounts=20, dormant=80) as sim, aiohttp.ClientSession() as http:
        assert [len(page) for page in await Lister(sim, http).all(50)] == [50, 50, 0]


async def test_a_relays_cursor_is_the_last_accounts_uid() -> None:
    async with RelaySim(paused=True, accounts=20) as sim, aiohttp.ClientSession() as http:
        _, page = await Lister(sim, http).get(limit=3)
        assert page["cursor"] == "25"
        assert (await Lister(sim, http).get(limit=3, cursor=24))[1]["repos"][0] == page["repos"][2]


async def test_a_pdss_cursor_is_millis_and_did() -> None:
    async with RelaySim(paused=True, accounts=20, listing="pds") as sim, aiohttp.ClientSession() as http:
        _, page = await Lister(sim, http).get(limit=3)
        millis, did = page["cursor"].split("::")
        assert millis.isdecimal()
        assert did == page["repos"][2]["did"]


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 1001}, {"limit": "x"}, {"cursor": "x"}])
@pytest.mark.parametrize("style", ["uid", "pds"])
async def test_a_bad_request_is_refused(style: Style, query: dict[str, Any]) -> None:
    async with RelaySim(paused=True, listing=style) as sim, aiohttp.ClientSession() as http:
        status, body = await Lister(sim, http).get(**query)
        assert (status, body["error"]) == (400, "InvalidRequest")


async def test_status_and_head_are_those_of_the_newest_events() -> None:
    async with RelaySim(paused=True, accounts=10) as sim, aiohttp.ClientSession() as http:
        await sim.emit(2_000)
        repos = {repo["did"]: repo for page in await Lister(sim, http).all(100) for repo in page}
    last: dict[str, Any] = {}
    status: dict[str, Any] = {}
    for note in sim.journal:
        if note.kind == "#commit":
            last[note.facts["did"]] = note
        if note.kind == "#account":
            status[note.facts["did"]] = note.facts["status"]
    assert len(repos) > 10
    assert any(status.values())
    for did, note in last.items():
        assert (repos[did]["head"], repos[did]["rev"]) == (note.facts["commit"], note.facts["rev"])
        assert repos[did].get("status") == status.get(did)
        assert repos[did]["active"] is (status.get(did) is None)


async def test_a_bad_repo_fails_its_page() -> None:
    async with RelaySim(paused=True, accounts=20) as sim, aiohttp.ClientSession() as http:
        lister = Lister(sim, http)
        sim.fault("listing", bad=[5])
        status, body = await lister.get(limit=10)
        assert status == 500
        did = sim.network.listed(5).did
        assert body["message"] == f"failed to get repo root for ({did}): repository state not available"
        assert (await lister.get(limit=5))[0] == 200
        assert (await lister.get(limit=10, cursor=sim.network.listed(5).uid))[0] == 200
        sim.fault("listing", bad=[5], times=1)
        assert [(await lister.get(limit=10))[0] for _ in range(2)] == [500, 200]
        sim.fault("listing", bad=[])
        assert (await lister.get(limit=10))[0] == 200


async def test_bare_repeated_looping_and_shrunk_pages() -> None:
    async with RelaySim(paused=True, accounts=20) as sim, aiohttp.ClientSession() as http:
        lister = Lister(sim, http)
        sim.fault("listing", bare=[1])
        _, first = await lister.get(limit=3)
        assert [repo["rev"] == repo["head"] == "" for repo in first["repos"]] == [False, True, False]
        sim.fault("listing", repeats=1)
        assert (await lister.get(limit=3, cursor=first["cursor"]))[1] == first
        sim.fault("listing", loop=1)
        assert (await lister.get(limit=3, cursor=first["cursor"]))[1]["cursor"] == first["cursor"]
        sim.fault("listing", shrink=2)
        shrunk = (await lister.get(limit=3))[1]
        assert (len(shrunk["repos"]), "cursor" in shrunk) == (2, True)
        sim.fault("listing", shrink=0)
        assert len((await lister.get(limit=3))[1]["repos"]) == 3


async def test_refusals() -> None:
    async with RelaySim(paused=True) as sim, aiohttp.ClientSession() as http:
        sim.fault("refuse", endpoint="listRepos", status=502, html=True, times=None)
        url = f"{sim.http_url}/xrpc/com.atproto.sync.listRepos"
        for _ in range(3):
            async with http.get(url) as answer:
                assert (answer.status, answer.content_type) == (502, "text/html")
        sim.fault("accept", endpoint="listRepos")
        async with http.get(url) as answer:
            assert answer.status == 200
