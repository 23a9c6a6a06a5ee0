"""The resync: it lists all objects at the start and at intervals, because a watch can miss changes.

A list finds what a watch has missed, such as a deletion while the watch was down. A resync follows soon after a watch
had to start again. It also finds stale watches (`watch_freshness`), and namespaces and kinds that can't be served.
"""

import asyncio
import logging
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Final

from sluice_common.clock import Clock, SystemClock
from sluice_operator.kubernetes.api_resource import ApiResource, Manifest
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.kubernetes.errors import ApiError
from sluice_operator.kubernetes.object_lists import ObjectLists
from sluice_operator.kubernetes.protocols import ObjectLister
from sluice_operator.kubernetes.served_kinds import Scope
from sluice_operator.kubernetes.served_namespaces import ServedNamespaces
from sluice_operator.kubernetes.source_key import SourceKey, object_key
from sluice_operator.kubernetes.watch_freshness import GRACE_SECONDS, WatchFreshness
from sluice_operator.kubernetes.watched_kinds import WatchedKinds
from sluice_operator.kubernetes.workqueue import backoff_seconds

logger = logging.getLogger(__name__)

FIRST_LIST_TIMEOUT_SECONDS: Final = 15.0
"""How long the start waits for the list of a slow kind of source."""
UNWATCHED_INTERVAL_SECONDS: Final = 5.0
"""The interval at which a kind is listed if it can't be watched."""
DEBOUNCE_SECONDS: Final = 2.0
"""How long a requested resync waits. After an outage all watches start again at about the same time."""


class Resync:
    """Lists everything at intervals."""

    def __init__(
        self,
        *,
        client: ObjectLister,
        kinds: WatchedKinds,
        cache: Cache,
        freshness: WatchFreshness,
        add: Callable[[SourceKey], None],
        namespaces: ServedNamespaces,
        interval_seconds: float,
        clock: Clock | None = None,
    ) -> None:
        """`add` is called with each source that is to be reconciled."""
        self._lists = ObjectLists(
            client=client, kinds=kinds, namespaces=namespaces, on_request=self._step_begins, convert=cache.compact
        )
        self._kinds = kinds
        self._cache = cache
        self._freshness = freshness
        self._add = add
        self._namespaces = namespaces
        self._interval = interval_seconds
        self._clock = clock or SystemClock()
        self._requested = asyncio.Event()
        self._next_step_at: float | None = None
        """When the next step is due, on the monotonic clock."""
        self.synced = False
        """Whether everything was listed once."""
        self.failure = ""
        """Why the first list has failed, if it has."""

    def request(self) -> None:
        """List everything soon, as a watch may have missed something."""
        self._requested.set()

    def watch_forbidden(self, scope: Scope) -> None:
        """A watch was refused there: find out soon whether it can be served."""
        self._namespaces.require_watch_check(scope)
        self.request()

    def overdue_seconds(self) -> float:
        """How long ago the next step was due. 0 if it is not due.

        A failed list is a step as well: an API server that is down does not make this process stuck.
        """
        return 0.0 if self._next_step_at is None else max(0.0, self._clock.monotonic() - self._next_step_at)

    async def list_first(self) -> None:
        """List everything. Tries until the children and one kind of source are listed."""
        failures = 0
        for api in self._kinds.sources.values():
            self._namespaces.kinds.mark_unlisted(api)
        while not self.synced:
            try:
                found = await self._lists.list_all(
                    self._kinds.all, is_synced=False, timeout_seconds=FIRST_LIST_TIMEOUT_SECONDS
                )
                for api, listed in found.items():
                    self._cache.replace(api, listed.items, resource_version=listed.resource_version)
            except ApiError as error:
                failures += 1
                self.failure = f"the first list of everything: {error}"
                pause = max(backoff_seconds(failures), error.retry_after)
                logger.warning("Listing everything has failed, trying again in %.1f s: %s", pause, error)
                await self._clock.sleep(pause)
            else:
                self.synced = True
        for source in self._all_sources():
            self._add(object_key(source))

    async def run(self) -> None:
        """List everything at intervals, until cancelled. Raises StaleWatchError."""
        failures, pause, full_at = 0, self._pause_seconds(), self._clock.monotonic() + self._full_pause_seconds()
        while True:
            is_requested = await self._wait(pause)
            to_relist = self._sources_to_relist()
            is_full = is_requested or failures > 0 or self._clock.monotonic() >= full_at or not to_relist
            try:
                await self._relist(self._kinds.all if is_full else to_relist)
            except ApiError as error:
                failures += 1
                pause = min(self._interval, max(backoff_seconds(failures), error.retry_after))
                logger.warning("Listing everything has failed, trying again in %.1f s: %s", pause, error)
            else:
                failures = 0
                full_at = self._clock.monotonic() + self._full_pause_seconds() if is_full else full_at
                pause = min(self._pause_seconds(), max(0.0, full_at - self._clock.monotonic()))

    def _sources_to_relist(self) -> list[ApiResource]:
        """The kinds that are listed more often: those whose last list failed, or that can't be watched."""
        kinds = self._namespaces.kinds
        return [api for api in self._kinds.sources.values() if api in kinds.to_retry or not kinds.is_watched(api)]

    def _pause_seconds(self) -> float:
        kinds = self._namespaces.kinds
        pause = min(self._full_pause_seconds(), kinds.retry_seconds)
        are_watched = all(map(kinds.is_watched, self._kinds.sources.values()))
        return pause if are_watched else min(pause, UNWATCHED_INTERVAL_SECONDS)

    def _full_pause_seconds(self) -> float:
        pause = min(self._interval, self._namespaces.retry_seconds)
        return min(pause, GRACE_SECONDS) if self._freshness.is_behind else pause

    async def _wait(self, seconds: float) -> bool:
        """Wait for that time, or until a resync is requested. Returns whether it is."""
        self._next_step_at = self._clock.monotonic() + seconds
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._requested.wait()
            await self._clock.sleep(DEBOUNCE_SECONDS)
        is_requested = self._requested.is_set()
        self._requested.clear()
        return is_requested

    async def _relist(self, resources: Collection[ApiResource]) -> None:
        """List these kinds. Add the sources that have changed, or whose children have, or that are served again."""
        unserved = [source for source in self._all_sources() if not self._serves(source)]
        found = await self._lists.list_all(resources, is_synced=self.synced)
        for api, listed in found.items():
            items = [*listed.items, *self._unlisted_objects(api)]
            for changed in self._cache.replace(api, items, resource_version=listed.resource_version):
                self._add_source_of(api, changed)
            if self._namespaces.kinds.is_watched(api):
                self._freshness.compare(api, listed)
        for source in unserved:
            if self._serves(source):
                self._add(object_key(source))

    def _serves(self, source: Manifest) -> bool:
        return self._namespaces.serves_kind(self._kinds.sources[source["kind"]], source["metadata"]["namespace"])

    def _add_source_of(self, api: ApiResource, changed: Manifest) -> None:
        for key in [object_key(changed)] if self._kinds.is_source(api) else self._cache.owners_of(changed):
            self._add(key)

    def _step_begins(self) -> None:
        self._next_step_at = self._clock.monotonic()

    def _all_sources(self) -> list[Manifest]:
        return [source for api in self._kinds.sources.values() for source in self._cache.all(api)]

    def _unlisted_objects(self, api: ApiResource) -> list[Manifest]:
        """The cached objects in namespaces that are not served, or where the list failed. They stay cached."""
        return [
            item
            for item in self._cache.all(api)
            if not self._namespaces.serves(item["metadata"]["namespace"])
            or item["metadata"]["namespace"] in self._lists.failed_scopes.get(api, ())
        ]
