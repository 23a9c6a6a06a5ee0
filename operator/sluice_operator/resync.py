"""Listing everything, at the start and at intervals: what the watches say is never the last word.

A list puts right what a watch has missed, such as a deletion while it was down. It comes at once when a watch
had to begin anew, and it is what tells that a watch has gone blind: see `sight`; and that a namespace can't be served.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Final

from sluice_operator.kube import Api, Kube, KubeError, Listing, Manifest
from sluice_operator.namespaces import Namespaces
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
        namespaces: Namespaces,
        interval_seconds: float,
    ) -> None:
        self._kube = kube
        self._store = store
        self._sight = sight
        self._add = add
        self._namespaces = namespaces
        self._interval = interval_seconds
        self._wanted = asyncio.Event()
        self._due: float | None = None
        """When the next step is to be made, on the monotonic clock."""
        self.synced = False
        """Whether everything was listed once."""
        self.failure = ""
        """What is waited for before that, once it has failed."""

    def soon(self) -> None:
        """List everything in a moment, for a watch may have missed something."""
        self._wanted.set()

    def doubt(self, namespace: str) -> None:
        """A watch was refused in that namespace: see in a moment whether it can be served."""
        self._namespaces.doubt(namespace)
        self.soon()

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
                for api, listed in (await self._list_all()).items():
                    self._store.replace(api, listed.items, version=listed.version)
            except KubeError as error:
                failures += 1
                self.failure = f"the first list of everything: {error}"
                pause = max(backoff_seconds(failures), error.retry_after)
                logger.warning("Listing everything has failed, trying again in %.1f s: %s", pause, error)
                await asyncio.sleep(pause)
            else:
                self.synced = True
        for source in self._all_sources():
            self._add(key_of(source))

    async def run(self) -> None:
        """List everything at intervals. Raises WatchBlindError."""
        failures, pause = 0, self._pause()
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
                pause = self._pause()

    def _pause(self) -> float:
        pause = min(self._interval, self._namespaces.retry_seconds)
        return min(pause, GRACE_SECONDS) if self._sight.is_doubtful else pause

    async def _rest(self, seconds: float) -> None:
        self._due = time.monotonic() + seconds
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wanted.wait()
            await asyncio.sleep(SETTLE_SECONDS)
        self._wanted.clear()

    async def _again(self) -> None:
        for api, listed in (await self._list_all()).items():
            items = [*listed.items, *self._left_out(api)]
            for changed in self._store.replace(api, items, version=listed.version):
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

    def _left_out(self, api: Api) -> list[Manifest]:
        """What is known of the namespaces that are not served."""
        return [item for item in self._store.all(api) if not self._namespaces.serves(item["metadata"]["namespace"])]

    async def _list_all(self) -> dict[Api, Listing]:
        """All objects by kind, but for the namespaces that refuse. Raises KubeError, if all of them do as well."""
        listings: dict[Api, dict[str | None, Listing]] = {api: {} for api in WATCHED}
        refusals: dict[str, KubeError] = {}
        for api in WATCHED:
            for scope in self._namespaces.scopes:
                try:
                    if scope not in refusals:
                        listings[api][scope] = await self._list(api, scope)
                except KubeError as error:
                    if scope is None or error.code != HTTPStatus.FORBIDDEN:
                        raise
                    refusals[scope] = error
        self._namespaces.settle({scope: error.message for scope, error in refusals.items()})
        if len(refusals) == len(self._namespaces.scopes):
            first = next(iter(refusals.values()))
            raise KubeError(first.code, first.reason, f"no namespace is served, {first.message}")
        return {
            api: _joined([listing for scope, listing in found.items() if scope not in refusals])
            for api, found in listings.items()
        }

    async def _list(self, api: Api, namespace: str | None) -> Listing:
        self._due = time.monotonic()
        listing = await self._kube.list(api, namespace, selector=selector_of(api))
        if self._namespaces.is_doubted(namespace):
            await self._kube.try_watch(api, namespace, version=listing.version)
        return listing


def _joined(listings: list[Listing]) -> Listing:
    """The lists of several namespaces as one, with the version of the earliest."""
    return Listing(items=[item for listing in listings for item in listing.items], version=listings[0].version)
