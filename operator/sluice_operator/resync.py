"""Listing everything, at the start and at intervals: what the watches say is never the last word.

A list puts right what a watch has missed, such as a deletion while it was down. It comes at once when a watch
had to begin anew, and it is what tells that a watch has gone blind: see `sight`.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from sluice_operator.kube import Api, Kube, KubeError, Listing, Manifest
from sluice_operator.queue import backoff_seconds
from sluice_operator.sight import GRACE_SECONDS, Sight
from sluice_operator.sources import SOURCES, SourceKey, key_of
from sluice_operator.store import Store
from sluice_operator.watch import WATCHED, selector_of

logger = logging.getLogger(__name__)

SETTLE_SECONDS: Final = 2.0
"""So long after a watch has begun anew everything is listed, since the others mostly do so as well."""


class Resync:
    """Lists everything at intervals."""

    def __init__(
        self,
        *,
        kube: Kube,
        store: Store,
        sight: Sight,
        add: Callable[[SourceKey], None],
        namespaces: Sequence[str],
        interval_seconds: float,
    ) -> None:
        self._kube = kube
        self._store = store
        self._sight = sight
        self._add = add
        self._namespaces: Sequence[str | None] = namespaces or (None,)
        self._interval = interval_seconds
        self._wanted = asyncio.Event()
        self._due: float | None = None
        """When the next step is to be made, on the monotonic clock."""
        self.synced = False
        """Whether everything was listed once."""

    def soon(self) -> None:
        """List everything in a moment, for a watch may have missed something."""
        self._wanted.set()

    def overdue_seconds(self) -> float:
        """For how long the next step should have been made. Whether a list succeeds does not matter here: an
        API server that is away is no fault of this process.
        """
        return 0.0 if self._due is None else max(0.0, time.monotonic() - self._due)

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
                pause = max(backoff_seconds(failures), error.retry_after)
                logger.warning("Listing everything has failed, trying again in %.1f s: %s", pause, error)
                await asyncio.sleep(pause)
            else:
                self.synced = True
        for source in self._all_sources():
            self._add(key_of(source))

    async def run(self) -> None:
        """List everything at intervals. Raises WatchBlindError."""
        failures, pause = 0, self._interval
        while True:
            await self._rest(pause)
            try:
                await self._again()
            except KubeError as error:
                failures += 1
                pause = min(self._interval, max(backoff_seconds(failures), error.retry_after))
                logger.warning("Listing everything has failed, trying again in %.1f s: %s", pause, error)
            else:
                failures = 0
                pause = min(self._interval, GRACE_SECONDS) if self._sight.is_doubtful else self._interval

    async def _rest(self, seconds: float) -> None:
        self._due = time.monotonic() + seconds
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wanted.wait()
            await asyncio.sleep(SETTLE_SECONDS)
        self._wanted.clear()

    async def _again(self) -> None:
        for api in WATCHED:
            listed = await self._list(api)
            for changed in self._store.replace(api, listed.items, version=listed.version):
                self._add_owner(api, changed)
            self._sight.compare(api, listed)
        for source in self._all_sources():
            self._add(key_of(source))

    def _add_owner(self, api: Api, changed: Manifest) -> None:
        owner = key_of(changed) if api in SOURCES.values() else self._store.owner(changed)
        if owner is not None:
            self._add(owner)

    def _all_sources(self) -> list[Manifest]:
        return [source for api in SOURCES.values() for source in self._store.all(api)]

    async def _list(self, api: Api) -> Listing:
        """All objects of one kind, with the version of the earliest list."""
        listings = []
        for namespace in self._namespaces:
            self._due = time.monotonic()
            listings.append(await self._kube.list(api, namespace, selector=selector_of(api)))
        items = [item for listing in listings for item in listing.items]
        return Listing(items=items, version=listings[0].version)
