"""Listing everything, at the start and at intervals: what the watches say is never the last word.

A list puts right what a watch has missed, such as a deletion while it was down. And it is the one thing that
can tell that a watch has gone blind: what was listed some time ago must have come by the watch since.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final

from sluice_operator.kube import Api, Kube, KubeError, Listing, Manifest
from sluice_operator.queue import backoff_seconds
from sluice_operator.sources import SOURCES, SourceKey, key_of
from sluice_operator.store import Store
from sluice_operator.watch import WATCHED, selector_of

logger = logging.getLogger(__name__)

GRACE_SECONDS: Final = 30.0
"""For how long a watch may be behind a list."""


class WatchBlindError(RuntimeError):
    """A watch has not brought what a list has shown: the process must end and begin anew."""


class Resync:
    """Lists everything at intervals."""

    def __init__(
        self,
        *,
        kube: Kube,
        store: Store,
        add: Callable[[SourceKey], None],
        namespaces: Sequence[str],
        interval_seconds: float,
    ) -> None:
        self._kube = kube
        self._store = store
        self._add = add
        self._namespaces: Sequence[str | None] = namespaces or (None,)
        self._interval = interval_seconds
        self.synced = False
        """Whether everything was listed once."""

    async def first(self) -> None:
        """List everything, for as long as it takes until the API server answers."""
        failures = 0
        while not self.synced:
            try:
                for api in WATCHED:
                    listed = await self._list(api)
                    self._store.replace(api, listed.items, version=listed.version)
            except KubeError as error:
                failures += 1
                pause = backoff_seconds(failures)
                logger.warning("The API server does not answer, trying again in %.1f s: %s", pause, error)
                await asyncio.sleep(pause)
            else:
                self.synced = True
        for source in self._all_sources():
            self._add(key_of(source))

    async def run(self) -> None:
        """List everything at intervals. Raises WatchBlindError."""
        while True:
            await asyncio.sleep(self._interval)
            try:
                await self._again()
            except KubeError as error:
                logger.warning("Listing everything has failed, it will be tried again: %s", error)

    async def _again(self) -> None:
        for api in WATCHED:
            listed = await self._list(api)
            if behind := [item for item in listed.items if self._is_behind(api, item)]:
                await asyncio.sleep(GRACE_SECONDS)
                listed = await self._list(api)
                self._assert_sight(api, behind, {item["metadata"]["uid"] for item in listed.items})
            for changed in self._store.replace(api, listed.items, version=listed.version):
                self._add_owner(api, changed)
        for source in self._all_sources():
            self._add(key_of(source))

    def _assert_sight(self, api: Api, behind: list[Manifest], there: set[str]) -> None:
        """Raise WatchBlindError if the watch is behind still, at an object that is there still."""
        for item in behind:
            metadata = item["metadata"]
            if metadata["uid"] in there and self._is_behind(api, item):
                place = f"{metadata['namespace']}/{metadata['name']}"
                raise WatchBlindError(f"the watch of {api.plural} has missed a change of {place}")

    def _is_behind(self, api: Api, listed: Manifest) -> bool:
        """Whether the store has an older version than `listed`, or none."""
        metadata = listed["metadata"]
        kept = self._store.version(api, metadata["namespace"], metadata["name"])
        version = metadata["resourceVersion"]
        return not kept or (kept.isdecimal() and version.isdecimal() and int(kept) < int(version))

    def _add_owner(self, api: Api, changed: Manifest) -> None:
        owner = key_of(changed) if api in SOURCES.values() else self._store.owner(changed)
        if owner is not None:
            self._add(owner)

    def _all_sources(self) -> list[Manifest]:
        return [source for api in SOURCES.values() for source in self._store.all(api)]

    async def _list(self, api: Api) -> Listing:
        """All objects of one kind, with the version of the earliest list."""
        listings = [await self._kube.list(api, namespace, selector=selector_of(api)) for namespace in self._namespaces]
        items = [item for listing in listings for item in listing.items]
        return Listing(items=items, version=listings[0].version)
