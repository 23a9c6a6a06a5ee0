"""The resync: it lists all objects at the start and at intervals, because a watch can miss changes.

A list finds what a watch has missed, such as a deletion while the watch was down. When a watch had to start again, a
resync follows soon. The resync also detects stale watches (`watch_freshness`), and namespaces and kinds that can't be
served.

If one kind of source can't be listed, the others are still served (`served_kinds`). If a kind of child can't be listed,
nothing is served.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Final, TypeAlias

from sluice_common.clock import Clock, SystemClock
from sluice_operator.kubernetes.api_resource import ApiResource, Manifest, ObjectList
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.kubernetes.errors import ApiError
from sluice_operator.kubernetes.protocols import ObjectLister
from sluice_operator.kubernetes.served_kinds import Scope, is_kind_missing, is_lasting
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

Listed: TypeAlias = Mapping[Scope, ObjectList | ApiError]
"""The objects of one kind in each scope, or why they could not be listed."""


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
        self._client = client
        self._kinds = kinds
        self._cache = cache
        self._freshness = freshness
        self._add = add
        self._namespaces = namespaces
        self._interval = interval_seconds
        self._clock = clock or SystemClock()
        self._requested = asyncio.Event()
        self._failed_scopes: dict[ApiResource, Collection[Scope]] = {}
        """By kind, the scopes in which its last list has failed."""
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
                found = await self._list_all(self._kinds.all, timeout_seconds=FIRST_LIST_TIMEOUT_SECONDS)
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
        """List these kinds, and add the sources that may need a reconciliation."""
        found = await self._list_all(resources)
        for api, listed in found.items():
            items = [*listed.items, *self._unlisted_objects(api)]
            for changed in self._cache.replace(api, items, resource_version=listed.resource_version):
                self._add_source_of(api, changed)
            if self._namespaces.kinds.is_watched(api):
                self._freshness.compare(api, listed)
        is_full = set(self._kinds.children) <= set(resources)
        for source in self._all_sources():
            if is_full or self._kinds.sources[source["kind"]] in found:
                self._add(object_key(source))

    def _add_source_of(self, api: ApiResource, changed: Manifest) -> None:
        key = object_key(changed) if self._kinds.is_source(api) else self._cache.owner_of(changed)
        if key is not None:
            self._add(key)

    def _all_sources(self) -> list[Manifest]:
        return [source for api in self._kinds.sources.values() for source in self._cache.all(api)]

    def _unlisted_objects(self, api: ApiResource) -> list[Manifest]:
        """The cached objects in namespaces that are not served, or where the list failed. They stay cached."""
        return [
            item
            for item in self._cache.all(api)
            if not self._namespaces.serves(item["metadata"]["namespace"])
            or item["metadata"]["namespace"] in self._failed_scopes.get(api, ())
        ]

    async def _list_all(
        self, resources: Collection[ApiResource], *, timeout_seconds: float | None = None
    ) -> dict[ApiResource, ObjectList]:
        """All objects of these kinds, without the kinds whose list failed.

        Raises ApiError if children could not be listed, or no kind of source.
        """
        results = await asyncio.gather(*(self._list_kind(api, timeout_seconds=timeout_seconds) for api in resources))
        found: dict[ApiResource, Listed] = dict(zip(resources, results, strict=True))
        self._record_errors(found)
        lists: dict[ApiResource, ObjectList] = {}
        for api, scopes in found.items():
            errors = _errors_of(scopes)
            self._failed_scopes[api] = errors.keys()
            good = [one for scope, one in scopes.items() if isinstance(one, ObjectList) and self._is_served(scope)]
            if any(map(is_kind_missing, errors.values())):
                lists[api] = ObjectList(items=[], resource_version="")
                self._failed_scopes[api] = ()
            elif good:
                lists[api] = _merge_lists(good)
        return lists

    def _is_served(self, scope: Scope) -> bool:
        return scope is None or self._namespaces.serves(scope)

    def _record_errors(self, found: Mapping[ApiResource, Listed]) -> None:
        """Record which kinds and namespaces can't be served. Raises ApiError if nothing can be served."""
        errors = {api: _errors_of(scopes) for api, scopes in found.items()}
        is_full = set(self._kinds.children) <= found.keys()
        if is_full:
            self._record_namespace_errors(errors)
        for api in self._kinds.sources.values():
            if api in found:
                served = {scope: error for scope, error in errors[api].items() if self._is_served(scope)}
                self._namespaces.kinds.record_list(api, served, scopes=found[api].keys())
        if is_full:
            self._namespaces.limit_watch_checks([scope for of_kind in errors.values() for scope in of_kind])
            self._check_any_source_listed(errors)

    def _check_any_source_listed(self, errors: Mapping[ApiResource, Mapping[Scope, ApiError]]) -> None:
        """Raise ApiError if no kind of source could be listed anywhere."""
        of_sources = [errors[api] for api in self._kinds.sources.values()]
        scopes = {scope for scope in self._namespaces.scopes if self._is_served(scope)}
        if not all(of_kind.keys() >= scopes for of_kind in of_sources):
            return
        first = next(error for of_kind in of_sources for error in of_kind.values())
        # A running operator goes on even without any CRD: each kind is tried again by itself.
        if not self.synced or not is_lasting(first):
            problems = "; ".join(self._namespaces.kinds.problems.values())
            raise ApiError(first.code, first.reason, problems, retry_after=first.retry_after)

    def _record_namespace_errors(self, errors: Mapping[ApiResource, Mapping[Scope, ApiError]]) -> None:
        """Record which namespaces refuse the operator. Raises ApiError if all do, or if children can't be listed."""
        refusals: dict[str, ApiError] = {}
        for scope in self._namespaces.scopes:
            of_children = [errors[api][scope] for api in self._kinds.children if scope in errors[api]]
            of_sources = [errors[api][scope] for api in self._kinds.sources.values() if scope in errors[api]]
            forbidden = [error for error in (*of_sources, *of_children) if error.code == HTTPStatus.FORBIDDEN]
            if any(error not in forbidden for error in of_children) or (scope is None and of_children):
                raise next(error for error in of_children if scope is None or error not in forbidden)
            if scope is not None and (of_children or len(of_sources) == len(self._kinds.sources) == len(forbidden)):
                refusals[scope] = forbidden[0]
        self._namespaces.record_refusals({scope: error.message for scope, error in refusals.items()})
        if refusals and len(refusals) == len(self._namespaces.scopes):
            first = next(iter(refusals.values()))
            raise ApiError(first.code, first.reason, f"no namespace is served, {first.message}")

    async def _list_kind(self, api: ApiResource, *, timeout_seconds: float | None) -> Listed:
        found: dict[Scope, ObjectList | ApiError] = {}
        for scope in self._namespaces.scopes:
            try:
                async with asyncio.timeout(timeout_seconds if self._kinds.is_source(api) else None):
                    found[scope] = await self._list(api, scope)
            except ApiError as error:
                found[scope] = error
            except TimeoutError:
                found[scope] = ApiError(0, "Timeout", f"no answer within {timeout_seconds} s")
        return found

    async def _list(self, api: ApiResource, scope: Scope) -> ObjectList:
        self._next_step_at = self._clock.monotonic()
        listed = await self._client.list(api, scope, label_selector=self._kinds.label_selector(api))
        if self._namespaces.needs_watch_check(scope):
            await self._client.try_watch(api, scope, resource_version=listed.resource_version)
        return listed


def _errors_of(listed: Listed) -> dict[Scope, ApiError]:
    return {scope: one for scope, one in listed.items() if isinstance(one, ApiError)}


def _merge_lists(lists: list[ObjectList]) -> ObjectList:
    """The lists of several namespaces as one, with the version of the earliest."""
    return ObjectList(items=[item for one in lists for item in one.items], resource_version=lists[0].resource_version)
