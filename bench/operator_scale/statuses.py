"""What the statuses of all Labelers say, and since when. It comes from one watch, and not from lists."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from bench.operator_scale.api import LABELERS, Api, Change, Manifest
from bench.operator_scale.labelers import Labeler

_PROGRESS_SECONDS: Final = 5.0

Says = Callable[[Manifest], bool]
"""Whether the resource says something."""


class Statuses:
    """The newest version of each resource."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._waiting: dict[Labeler, list[tuple[Says, asyncio.Future[float]]]] = {}
        self._became_ready = asyncio.Event()
        self.newest: dict[Labeler, Manifest] = {}
        self.ready: set[Labeler] = set()
        """The resources that are Ready in their current generation."""
        self.newest_ready_at = 0.0
        """When the newest of them became Ready, on the monotonic clock."""
        self.history: dict[Labeler, list[Any]] = {}
        """Each status that a resource has had, in order."""
        self.last_change = 0.0
        """When the watch has last sent anything, on the monotonic clock."""
        self.listed = asyncio.Event()

    async def run(self) -> None:
        """Watch, until cancelled."""
        async for change in self._api.watch(LABELERS, listed=self.listed):
            self._take(change)

    async def until(self, resource: Labeler, says: Says, *, seconds: float) -> float:
        """Wait until the resource says it. Returns when that arrived, on the monotonic clock. Raises TimeoutError."""
        if (newest := self.newest.get(resource)) is not None and says(newest):
            return self.last_change
        future: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(resource, []).append((says, future))
        async with asyncio.timeout(seconds):
            return await future

    async def until_all_ready(self, count: int, *, patience_seconds: float, check: Callable[[], None]) -> float:
        """Wait until so many are Ready, and print the progress. Returns when the last one was.

        It gives up if no further one becomes Ready for `patience_seconds`.
        """
        shown, before, progress_at = time.monotonic(), len(self.ready), time.monotonic()
        while len(self.ready) < count:
            self._became_ready.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._became_ready.wait()
            now = time.monotonic()
            if len(self.ready) != before:
                before, progress_at = len(self.ready), now
            if now - shown > _PROGRESS_SECONDS:
                shown = now
                print(f"    {len(self.ready):,} of {count:,} are Ready", flush=True)
                check()
            if now - progress_at > patience_seconds:
                raise SystemExit(f"only {len(self.ready):,} of {count:,} became Ready: {self._unready()}")
        return self.newest_ready_at

    def _take(self, change: Change) -> None:
        metadata = change.object["metadata"]
        key = Labeler(metadata["namespace"], metadata["name"])
        self.last_change = change.at
        if change.type == "DELETED":
            self.newest.pop(key, None)
            self.ready.discard(key)
            return
        self.newest[key] = change.object
        if status := change.object.get("status"):
            versions = self.history.setdefault(key, [])
            if not versions or versions[-1] != status:
                versions.append(status)
        if not is_ready(change.object):
            self.ready.discard(key)
        elif key not in self.ready:
            self.ready.add(key)
            self.newest_ready_at = change.at
            self._became_ready.set()
        if key in self._waiting:
            self._waiting[key] = [one for one in self._waiting[key] if not self._answer(one, change)]

    def _answer(self, waiting: tuple[Says, asyncio.Future[float]], change: Change) -> bool:
        says, future = waiting
        if future.done():
            return True
        if is_said := says(change.object):
            future.set_result(change.at)
        return is_said

    def _unready(self) -> str:
        first = next((one for key, one in self.newest.items() if key not in self.ready), {})
        return str(first.get("status"))


def condition(resource: Manifest, kind: str) -> tuple[str, int]:
    """Status and observed generation of a condition, empty and -1 without it."""
    for one in resource.get("status", {}).get("conditions") or ():
        if one["type"] == kind:
            return one["status"], one.get("observedGeneration", -1)
    return "", -1


def is_ready(resource: Manifest, *, generation: int | None = None) -> bool:
    """Whether it is Ready in its current generation, or in that one."""
    expected = resource["metadata"]["generation"] if generation is None else generation
    observed = resource.get("status", {}).get("observedGeneration", -1)
    return observed >= expected and condition(resource, "Ready") == ("True", observed)


def is_stalled(resource: Manifest) -> bool:
    """Whether a person must act."""
    return condition(resource, "Ready")[0] == "False" and condition(resource, "Stalled")[0] == "True"


def observes(resource: Manifest, *, generation: int) -> bool:
    """Whether the status is of that generation."""
    return bool(resource.get("status", {}).get("observedGeneration", -1) >= generation)


def restarts(resource: Manifest) -> int:
    """How many restarts the status counts."""
    return int((resource.get("status", {}).get("restarts") or {}).get("count", 0))
