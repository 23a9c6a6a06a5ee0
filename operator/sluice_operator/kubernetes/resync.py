"""Listing everything, at the start and at intervals: what the watches say is never the last word.

A list puts right what a watch has missed, such as a deletion while it was down. It comes at once when a watch
had to begin anew, and it is what tells that a watch has gone blind: see `sight`; and that a namespace or a kind can't
be served. A kind of resource that can't be listed keeps no other waiting: see `kinds`. Without Deployments and Pods
nothing can be served.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Final

from sluice_operator.kinds.registry import SOURCES
from sluice_operator.kinds.source_key import SourceKey, object_key
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.kubernetes.client import ApiError, ApiResource, KubernetesClient, Manifest, ObjectList
from sluice_operator.kubernetes.informers.informers import WATCHED_RESOURCES, label_selector_of
from sluice_operator.kubernetes.served_kinds import is_kind_missing, is_lasting
from sluice_operator.kubernetes.served_namespaces import ServedNamespaces
from sluice_operator.kubernetes.watch_freshness import GRACE_SECONDS, WatchFreshness
from sluice_operator.kubernetes.workqueue import backoff_seconds

logger = logging.getLogger(__name__)

FIRST_LIST_TIMEOUT_SECONDS: Final = 15.0
"""So long a kind that is listed slowly keeps the others waiting at the start."""
UNWATCHED_INTERVAL_SECONDS: Final = 5.0
"""How often a kind is listed that can't be watched."""
CHILD_RESOURCES: Final = tuple(api for api in WATCHED_RESOURCES if api not in SOURCES.values())
DEBOUNCE_SECONDS: Final = 2.0
"""So long after a watch has begun anew everything is listed, since the others mostly do so as well."""


class Resync:
    """Lists everything at intervals."""

    def __init__(
        self,
        *,
        client: KubernetesClient,
        cache: Cache,
        freshness: WatchFreshness,
        add: Callable[[SourceKey], None],
        namespaces: ServedNamespaces,
        interval_seconds: float,
    ) -> None:
        self._client = client
        self._cache = cache
        self._freshness = freshness
        self._add = add
        self._namespaces = namespaces
        self._interval = interval_seconds
        self._requested = asyncio.Event()
        self._failed_scopes: dict[ApiResource, Collection[str | None]] = {}
        """By kind, the namespaces in which its last list has failed."""
        self._next_step_at: float | None = None
        """When the next step is to be made, on the monotonic clock."""
        self.synced = False
        """Whether everything was listed once."""
        self.failure = ""
        """What is waited for before that, once it has failed."""

    def request(self) -> None:
        """List everything in a moment, for a watch may have missed something."""
        self._requested.set()

    def watch_forbidden(self, namespace: str | None) -> None:
        """A watch was refused in that namespace, or in the cluster (None): see in a moment whether it can be served."""
        self._namespaces.require_watch_check(namespace)
        self.request()

    def overdue_seconds(self) -> float:
        """For how long the next step should have been made. Whether a list succeeds does not matter here: an
        API server that is away is no fault of this process.
        """
        return 0.0 if self._next_step_at is None else max(0.0, time.monotonic() - self._next_step_at)

    async def list_first(self) -> None:
        """List everything, for as long as it takes until Deployments, Pods and one kind of resource are listed."""
        failures = 0
        for api in SOURCES.values():
            self._namespaces.kinds.mark_unlisted(api)
        while not self.synced:
            try:
                for api, listed in (
                    await self._list_all(WATCHED_RESOURCES, timeout_seconds=FIRST_LIST_TIMEOUT_SECONDS)
                ).items():
                    self._cache.replace(api, listed.items, resource_version=listed.resource_version)
            except ApiError as error:
                failures += 1
                self.failure = f"the first list of everything: {error}"
                pause = max(backoff_seconds(failures), error.retry_after)
                logger.warning("Listing everything has failed, trying again in %.1f s: %s", pause, error)
                await asyncio.sleep(pause)
            else:
                self.synced = True
        for source in self._all_sources():
            self._add(object_key(source))

    async def run(self) -> None:
        """List everything at intervals. Raises WatchBlindError."""
        failures, pause, full_at = 0, self._pause_seconds(), time.monotonic() + self._full_pause_seconds()
        while True:
            is_wanted = await self._wait(pause)
            again = self._resources_to_relist()
            is_full = is_wanted or failures > 0 or time.monotonic() >= full_at or not again
            try:
                await self._relist(WATCHED_RESOURCES if is_full else again)
            except ApiError as error:
                failures += 1
                pause = min(self._interval, max(backoff_seconds(failures), error.retry_after))
                logger.warning("Listing everything has failed, trying again in %.1f s: %s", pause, error)
            else:
                failures = 0
                full_at = time.monotonic() + self._full_pause_seconds() if is_full else full_at
                pause = min(self._pause_seconds(), max(0.0, full_at - time.monotonic()))

    def _resources_to_relist(self) -> list[ApiResource]:
        """The kinds to be listed before the others are: those of which a list has failed, or that can't be watched."""
        kinds = self._namespaces.kinds
        return [api for api in SOURCES.values() if api in kinds.to_retry or not kinds.is_watched(api)]

    def _pause_seconds(self) -> float:
        pause = min(self._full_pause_seconds(), self._namespaces.kinds.retry_seconds)
        return (
            pause
            if all(map(self._namespaces.kinds.is_watched, SOURCES.values()))
            else min(pause, UNWATCHED_INTERVAL_SECONDS)
        )

    def _full_pause_seconds(self) -> float:
        pause = min(self._interval, self._namespaces.retry_seconds)
        return min(pause, GRACE_SECONDS) if self._freshness.is_behind else pause

    async def _wait(self, seconds: float) -> bool:
        """Wait for so long, or until a list is wanted. Whether one is."""
        self._next_step_at = time.monotonic() + seconds
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._requested.wait()
            await asyncio.sleep(DEBOUNCE_SECONDS)
        is_wanted = self._requested.is_set()
        self._requested.clear()
        return is_wanted

    async def _relist(self, resources: Collection[ApiResource]) -> None:
        found = await self._list_all(resources)
        for api, listed in found.items():
            items = [*listed.items, *self._unlisted_objects(api)]
            for changed in self._cache.replace(api, items, resource_version=listed.resource_version):
                self._add_owner(api, changed)
            if self._namespaces.kinds.is_watched(api):
                self._freshness.compare(api, listed)
        for source in self._all_sources():
            if set(CHILD_RESOURCES) <= set(resources) or SOURCES[source["kind"]] in found:
                self._add(object_key(source))

    def _add_owner(self, api: ApiResource, changed: Manifest) -> None:
        owner = object_key(changed) if api in SOURCES.values() else self._cache.owner_of(changed)
        if owner is not None:
            self._add(owner)

    def _all_sources(self) -> list[Manifest]:
        return [source for api in SOURCES.values() for source in self._cache.all(api)]

    def _unlisted_objects(self, api: ApiResource) -> list[Manifest]:
        """What is known of the namespaces in which objects of that kind are not served, or could not be listed."""
        return [
            item
            for item in self._cache.all(api)
            if not self._namespaces.serves(item["metadata"]["namespace"])
            or item["metadata"]["namespace"] in self._failed_scopes.get(api, ())
        ]

    async def _list_all(
        self, resources: Collection[ApiResource], *, timeout_seconds: float | None = None
    ) -> dict[ApiResource, ObjectList]:
        """All objects of these kinds, as far as they could be listed, each within `seconds`. Raises KubeError if those
        that all need could not be, or none at all.
        """
        results = await asyncio.gather(*(self._list_kind(api, timeout_seconds=timeout_seconds) for api in resources))
        found = dict(zip(resources, results, strict=True))
        self._record_errors(found)
        listings: dict[ApiResource, ObjectList] = {}
        for api, scopes in found.items():
            errors = {scope: one for scope, one in scopes.items() if isinstance(one, ApiError)}
            self._failed_scopes[api] = errors.keys()
            good = [one for scope, one in scopes.items() if isinstance(one, ObjectList) and self._is_served(scope)]
            if any(map(is_kind_missing, errors.values())):
                listings[api] = ObjectList(items=[], resource_version="")
                self._failed_scopes[api] = ()
            elif good:
                listings[api] = _merge_lists(good)
        return listings

    def _is_served(self, scope: str | None) -> bool:
        return scope is None or self._namespaces.serves(scope)

    def _record_errors(self, found: Mapping[ApiResource, Mapping[str | None, ObjectList | ApiError]]) -> None:
        """Take in what could not be listed. Raises KubeError if nothing can be served for that."""
        errors = {
            api: {scope: one for scope, one in scopes.items() if isinstance(one, ApiError)}
            for api, scopes in found.items()
        }
        if set(CHILD_RESOURCES) <= found.keys():
            self._record_namespace_errors(errors)
        for api in SOURCES.values():
            if api in found:
                of_it = {scope: error for scope, error in errors[api].items() if self._is_served(scope)}
                self._namespaces.kinds.record_list(api, of_it, scopes=found[api].keys())
        if not set(CHILD_RESOURCES) <= found.keys():
            return
        self._namespaces.limit_watch_checks([scope for of_kind in errors.values() for scope in of_kind])
        of_sources = [errors[api] for api in SOURCES.values()]
        if all(of_kind.keys() >= set(self._served_scopes()) for of_kind in of_sources):
            first = next(error for of_kind in of_sources for error in of_kind.values())
            # What runs goes on without any CRD, and each kind is tried again by itself.
            if not self.synced or not is_lasting(first):
                words = "; ".join(self._namespaces.kinds.problems.values())
                raise ApiError(first.code, first.reason, words, retry_after=first.retry_after)

    def _record_namespace_errors(self, errors: Mapping[ApiResource, Mapping[str | None, ApiError]]) -> None:
        refusals: dict[str, ApiError] = {}
        for scope in self._namespaces.scopes:
            of_children = [errors[api][scope] for api in CHILD_RESOURCES if scope in errors[api]]
            of_sources = [errors[api][scope] for api in SOURCES.values() if scope in errors[api]]
            lasting = [error for error in (*of_sources, *of_children) if error.code == HTTPStatus.FORBIDDEN]
            if any(error not in lasting for error in of_children) or (scope is None and of_children):
                raise next(error for error in of_children if scope is None or error not in lasting)
            if scope is not None and (of_children or len(of_sources) == len(SOURCES) == len(lasting)):
                refusals[scope] = lasting[0]
        self._namespaces.record_refusals({scope: error.message for scope, error in refusals.items()})
        if refusals and len(refusals) == len(self._namespaces.scopes):
            first = next(iter(refusals.values()))
            raise ApiError(first.code, first.reason, f"no namespace is served, {first.message}")

    def _served_scopes(self) -> list[str | None]:
        return [scope for scope in self._namespaces.scopes if self._is_served(scope)]

    async def _list_kind(
        self, api: ApiResource, *, timeout_seconds: float | None
    ) -> dict[str | None, ObjectList | ApiError]:
        """The objects of one kind in each scope, or why they could not be listed."""
        found: dict[str | None, ObjectList | ApiError] = {}
        for scope in self._namespaces.scopes:
            try:
                async with asyncio.timeout(timeout_seconds if api in SOURCES.values() else None):
                    found[scope] = await self._list(api, scope)
            except ApiError as error:
                found[scope] = error
            except TimeoutError:
                found[scope] = ApiError(0, "Timeout", f"no answer within {timeout_seconds} s")
        return found

    async def _list(self, api: ApiResource, namespace: str | None) -> ObjectList:
        self._next_step_at = time.monotonic()
        listing = await self._client.list(api, namespace, label_selector=label_selector_of(api))
        if self._namespaces.needs_watch_check(namespace):
            await self._client.try_watch(api, namespace, resource_version=listing.resource_version)
        return listing


def _merge_lists(listings: list[ObjectList]) -> ObjectList:
    """The lists of several namespaces as one, with the version of the earliest."""
    return ObjectList(
        items=[item for listing in listings for item in listing.items], resource_version=listings[0].resource_version
    )
