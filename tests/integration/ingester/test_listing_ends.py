"""The ways in which hosts end a listing: all repos are in Redis, and the backfill ends exactly there."""

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from redis.asyncio import Redis

from sluice_redis.contract import BACKFILL_DONE
from sluice_wire.repo_page import NSID
from tests.integration.ingester.process import Ingester
from tests.integration.ingester.stored import until
from tests.integration.redis_server import RedisServer


def page(cursor: object, *repos: int) -> dict[str, Any]:
    return {"cursor": cursor, "repos": [{"did": f"did:plc:{number}", "rev": "3l4"} for number in repos]}


@contextlib.asynccontextmanager
async def host(pages: dict[str | None, Any]) -> AsyncIterator[str]:
    """The address of a host that answers with these pages, by the requested cursor."""

    async def answer(request: web.Request) -> web.Response:
        return web.json_response(pages[request.query.get("cursor")])

    application = web.Application()
    application.router.add_get(f"/xrpc/{NSID}", answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def stored(client: Redis) -> list[int]:
    entries: list[Any] = await client.xrange("repo_backfill")
    return [int(json.loads(fields[b"repo"])["did"].rpartition(":")[2]) for _, fields in entries]


@pytest.mark.parametrize(
    ("pages", "repos"),
    [
        ({None: page("2", 1, 2), "2": page("4"), "4": page(None, 5, 6)}, [1, 2, 5, 6]),
        ({None: page("a"), "a": page("b"), "b": page("", 1)}, [1]),
        ({None: page("2", 1, 2), "2": {"repos": None}}, [1, 2]),
        ({None: page("2", 1, 2), "2": {"cursor": "4"}, "4": {}}, [1, 2]),
        ({None: page(2, 1, 2), "2": page(4, 3), "4": page(None)}, [1, 2, 3]),
        ({None: page("2", 1, 2), "2": page("2", 2)}, [1, 2]),
        ({None: page("1", 1), "1": page("1", 1)}, [1]),
        ({None: page("c0", 1), **{f"c{n}": page(f"c{n + 1}") for n in range(12)}, "c12": page(None, 2)}, [1, 2]),
    ],
    ids=["empty", "empty from the start", "null", "absent", "numbers", "tail", "one repo", "many empty"],
)
async def test_a_listing_is_stored_whole(
    redis_server: RedisServer, client: Redis, tmp_path: Path, pages: dict[str | None, Any], repos: list[int]
) -> None:
    async with host(pages) as place, Ingester(tmp_path, redis_server.url, f"http://{place}", INGESTER_MODE="backfill"):

        async def done() -> bool:
            return bool(await client.get(f"repo_backfill:cursor:{place}") == BACKFILL_DONE.encode())

        await until(done, within=120)
        assert await stored(client) == repos


async def test_an_error_instead_of_a_page_is_not_the_end(
    redis_server: RedisServer, client: Redis, tmp_path: Path
) -> None:
    pages: dict[str | None, Any] = {None: page("2", 1, 2), "2": {"error": "InternalServerError", "message": "no"}}
    async with host(pages) as place, Ingester(tmp_path, redis_server.url, f"http://{place}", INGESTER_MODE="backfill"):

        async def is_reported() -> bool:
            return bool(await client.hget(f"repo_backfill:health:{place}", "reason") == b"PageInvalid")  # type: ignore[misc]

        await until(is_reported, within=120)
        assert await client.get(f"repo_backfill:cursor:{place}") == b"2"
        pages["2"] = page(None, 3)

        async def whole() -> bool:
            return await stored(client) == [1, 2, 3]

        await until(whole, within=120)
