"""A bare client of the API server: requests on a few connections, and watches. It decides nothing and repeats nothing.

The user, the player and the floor use it. It costs less CPU time than a full client.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Self

import aiohttp
import orjson

APPLY: Final = "application/apply-patch+yaml"
MERGE: Final = "application/merge-patch+json"
LABELERS: Final = "/apis/sluice.dev/v1alpha1/labelers"
PODS: Final = "/api/v1/pods"
INGESTER_PODS: Final = "app.kubernetes.io/name=sluice-ingester"
"""The label selector of all ingester pods."""

_LONGEST_LINE: Final = 2**20
_RETRY_SECONDS: Final = 0.2

Manifest = dict[str, Any]


class RequestError(Exception):
    """The API server answered with an error."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code}: {text[:500]}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Change:
    """What a watch has sent. `at` is when it arrived, on the monotonic clock, which all processes share."""

    type: str
    object: Manifest
    at: float


class Api:
    """One user of the API server."""

    def __init__(self, url: str, token: str, *, connections: int = 8) -> None:
        self._session = aiohttp.ClientSession(
            url,
            connector=aiohttp.TCPConnector(ssl=False, limit=connections),
            headers={"Authorization": f"Bearer {token}"},
            timeout=aiohttp.ClientTimeout(total=60),
            read_bufsize=_LONGEST_LINE,
        )
        # A watch keeps its connection.
        self._watches = aiohttp.ClientSession(
            url,
            connector=aiohttp.TCPConnector(ssl=False),
            headers={"Authorization": f"Bearer {token}"},
            timeout=aiohttp.ClientTimeout(total=None),
            read_bufsize=_LONGEST_LINE,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()
        await self._watches.close()

    async def request(
        self, method: str, path: str, body: object = None, *, content_type: str = "application/json"
    ) -> Any:
        """The answer as JSON. Raises RequestError."""
        data = None if body is None else orjson.dumps(body)
        async with self._session.request(method, path, data=data, headers={"Content-Type": content_type}) as answer:
            content = await answer.read()
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise RequestError(answer.status, content.decode(errors="replace"))
        return orjson.loads(content)

    async def watch(
        self, path: str, *, selector: str = "", listed: asyncio.Event | None = None
    ) -> AsyncIterator[Change]:
        """All objects, then every change, until the caller stops. `listed` is set after the objects that are there."""
        query = f"labelSelector={selector}&" if selector else ""
        while True:
            found = await self.request("GET", f"{path}?{query}")
            for item in found["items"]:
                yield Change("ADDED", item, time.monotonic())
            if listed is not None:
                listed.set()
            with suppress(_ListAgainError):
                async for change in self._watch_from(path, query, found["metadata"]["resourceVersion"]):
                    yield change

    async def _watch_from(self, path: str, query: str, version: str) -> AsyncIterator[Change]:
        while True:
            with suppress(aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError):
                url = f"{path}?{query}watch=true&allowWatchBookmarks=true&resourceVersion={version}"
                async with self._watches.get(url) as answer:
                    if answer.status != HTTPStatus.OK:
                        raise _ListAgainError
                    async for line in answer.content:
                        at, event = time.monotonic(), orjson.loads(line)
                        if event["type"] == "ERROR":
                            raise _ListAgainError
                        version = event["object"]["metadata"]["resourceVersion"]
                        if event["type"] != "BOOKMARK":
                            yield Change(event["type"], event["object"], at)
            await asyncio.sleep(_RETRY_SECONDS)


class _ListAgainError(Exception):
    """The watch can't be continued from its version."""


def path_in(resource: str, namespace: str, name: str = "", subresource: str = "") -> str:
    """The path of an object in a namespace. `resource` is the path of the list in all namespaces."""
    root, _, plural = resource.rpartition("/")
    return f"{root}/namespaces/{namespace}/{plural}" + "".join(f"/{step}" for step in (name, subresource) if step)
