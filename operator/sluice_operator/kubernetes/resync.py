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

from sluice_operator.kinds.registry import SOURCES, SourceKey, key_of
from sluice_operator.kubernetes.cache import Store
from sluice_operator.kubernetes.client import Api, Kube, KubeError, Listing, Manifest
from sluice_operator.kubernetes.informers.informers import WATCHED, selector_of
from sluice_operator.kubernetes.served_kinds import is_missing, is_refused
from sluice_operator.kubernetes.served_namespaces import Namespaces
from sluice_operator.kubernetes.watch_freshness import GRACE_SECONDS, Sight
from sluice_operator.kubernetes.workqueue import backoff_seconds

logger = logging.getLogger(__name__)

FIRST_SECONDS: Final = 15.0
"""So long a kind that is listed slowly keeps the others waiting at the start."""
UNWATCHED_SECONDS: Final = 5.0
"""How often a kind is listed that can't be watched."""
CHILDREN: Final = tuple(api for api in WATCHED if api not in SOURCES.values())
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
        self._failed: dict[Api, Collection[str | None]] = {}
        """By kind, the namespaces in which its last list has failed."""
        self._due: float | None = None
        """When the next step is to be made, on the monotonic clock."""
        self.synced = False
        """Whether everything was listed once."""
        self.failure = ""
        """What is waited for before that, once it has failed."""

    def soon(self) -> None:
        """List everything in a moment, for a watch may have missed something."""
        self._wanted.set()

    def doubt(self, namespace: str | None) -> None:
        """A watch was refused in that namespace, or in the cluster (None): see in a moment whether it can be served."""
        self._namespaces.doubt(namespace)
        self.soon()

    def overdue_seconds(self) -> float:
        """For how long the next step should have been made. Whether a list succeeds does not matter here: an
        API server that is away is no fault of this process.
        """
        return 0.0 if self._due is None else max(0.0, time.monotonic() - self._due)

    async def first(self) -> None:
        """List everything, for as long as it takes until Deployments, Pods and one kind of resource are listed."""
        failures = 0
        for api in SOURCES.values():
            self._namespaces.kinds.pend(api)
        while not self.synced:
            try:
                for api, listed in (await self._list_all(WATCHED, seconds=FIRST_SECONDS)).items():
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
        failures, pause, full_at = 0, self._pause(), time.monotonic() + self._pause_of_all()
        while True:
            is_wanted = await self._rest(pause)
            again = self._to_list_again()
            is_full = is_wanted or failures > 0 or time.monotonic() >= full_at or not again
            try:
                await self._again(WATCHED if is_full else again)
            except KubeError as error:
                failures += 1
                pause = min(self._interval, max(backoff_seconds(failures), error.retry_after))
                logger.warning("Listing everything has failed, trying again in %.1f s: %s", pause, error)
            else:
                failures = 0
                full_at = time.monotonic() + self._pause_of_all() if is_full else full_at
                pause = min(self._pause(), max(0.0, full_at - time.monotonic()))

    def _to_list_again(self) -> list[Api]:
        """The kinds to be listed before the others are: those of which a list has failed, or that can't be watched."""
        kinds = self._namespaces.kinds
        return [api for api in SOURCES.values() if api in kinds.to_retry or not kinds.is_watched(api)]

    def _pause(self) -> float:
        pause = min(self._pause_of_all(), self._namespaces.kinds.retry_seconds)
        return pause if all(map(self._namespaces.kinds.is_watched, SOURCES.values())) else min(pause, UNWATCHED_SECONDS)

    def _pause_of_all(self) -> float:
        pause = min(self._interval, self._namespaces.retry_seconds)
        return min(pause, GRACE_SECONDS) if self._sight.is_doubtful else pause

    async def _rest(self, seconds: float) -> bool:
        """Wait for so long, or until a list is wanted. Whether one is."""
        self._due = time.monotonic() + seconds
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wanted.wait()
            await asyncio.sleep(SETTLE_SECONDS)
        is_wanted = self._wanted.is_set()
        self._wanted.clear()
        return is_wanted

    async def _again(self, apis: Collection[Api]) -> None:
        found = await self._list_all(apis)
        for api, listed in found.items():
            items = [*listed.items, *self._left_out(api)]
            for changed in self._store.replace(api, items, version=listed.version):
                self._add_owner(api, changed)
            if self._namespaces.kinds.is_watched(api):
                self._sight.compare(api, listed)
        for source in self._all_sources():
            if set(CHILDREN) <= set(apis) or SOURCES[source["kind"]] in found:
                self._add(key_of(source))

    def _add_owner(self, api: Api, changed: Manifest) -> None:
        owner = key_of(changed) if api in SOURCES.values() else self._store.owner(changed)
        if owner is not None:
            self._add(owner)

    def _all_sources(self) -> list[Manifest]:
        return [source for api in SOURCES.values() for source in self._store.all(api)]

    def _left_out(self, api: Api) -> list[Manifest]:
        """What is known of the namespaces in which objects of that kind are not served, or could not be listed."""
        return [
            item
            for item in self._store.all(api)
            if not self._namespaces.serves(item["metadata"]["namespace"])
            or item["metadata"]["namespace"] in self._failed.get(api, ())
        ]

    async def _list_all(self, apis: Collection[Api], *, seconds: float | None = None) -> dict[Api, Listing]:
        """All objects of these kinds, as far as they could be listed, each within `seconds`. Raises KubeError if those
        that all need could not be, or none at all.
        """
        results = await asyncio.gather(*(self._list_kind(api, seconds=seconds) for api in apis))
        found = dict(zip(apis, results, strict=True))
        self._conclude(found)
        listings: dict[Api, Listing] = {}
        for api, scopes in found.items():
            errors = {scope: one for scope, one in scopes.items() if isinstance(one, KubeError)}
            self._failed[api] = errors.keys()
            good = [one for scope, one in scopes.items() if isinstance(one, Listing) and self._is_served(scope)]
            if any(map(is_missing, errors.values())):
                listings[api] = Listing(items=[], version="")
                self._failed[api] = ()
            elif good:
                listings[api] = _joined(good)
        return listings

    def _is_served(self, scope: str | None) -> bool:
        return scope is None or self._namespaces.serves(scope)

    def _conclude(self, found: Mapping[Api, Mapping[str | None, Listing | KubeError]]) -> None:
        """Take in what could not be listed. Raises KubeError if nothing can be served for that."""
        errors = {
            api: {scope: one for scope, one in scopes.items() if isinstance(one, KubeError)}
            for api, scopes in found.items()
        }
        if set(CHILDREN) <= found.keys():
            self._conclude_namespaces(errors)
        for api in SOURCES.values():
            if api in found:
                of_it = {scope: error for scope, error in errors[api].items() if self._is_served(scope)}
                self._namespaces.kinds.settle(api, of_it, scopes=found[api].keys())
        if not set(CHILDREN) <= found.keys():
            return
        self._namespaces.keep_doubts([scope for of_kind in errors.values() for scope in of_kind])
        of_sources = [errors[api] for api in SOURCES.values()]
        if all(of_kind.keys() >= set(self._served_scopes()) for of_kind in of_sources):
            first = next(error for of_kind in of_sources for error in of_kind.values())
            # What runs goes on without any CRD, and each kind is tried again by itself.
            if not self.synced or not is_refused(first):
                words = "; ".join(self._namespaces.kinds.troubles.values())
                raise KubeError(first.code, first.reason, words, retry_after=first.retry_after)

    def _conclude_namespaces(self, errors: Mapping[Api, Mapping[str | None, KubeError]]) -> None:
        refusals: dict[str, KubeError] = {}
        for scope in self._namespaces.scopes:
            of_children = [errors[api][scope] for api in CHILDREN if scope in errors[api]]
            of_sources = [errors[api][scope] for api in SOURCES.values() if scope in errors[api]]
            lasting = [error for error in (*of_sources, *of_children) if error.code == HTTPStatus.FORBIDDEN]
            if any(error not in lasting for error in of_children) or (scope is None and of_children):
                raise next(error for error in of_children if scope is None or error not in lasting)
            if scope is not None and (of_children or len(of_sources) == len(SOURCES) == len(lasting)):
                refusals[scope] = lasting[0]
        self._namespaces.settle({scope: error.message for scope, error in refusals.items()})
        if refusals and len(refusals) == len(self._namespaces.scopes):
            first = next(iter(refusals.values()))
            raise KubeError(first.code, first.reason, f"no namespace is served, {first.message}")

    def _served_scopes(self) -> list[str | None]:
        return [scope for scope in self._namespaces.scopes if self._is_served(scope)]

    async def _list_kind(self, api: Api, *, seconds: float | None) -> dict[str | None, Listing | KubeError]:
        """The objects of one kind in each scope, or why they could not be listed."""
        found: dict[str | None, Listing | KubeError] = {}
        for scope in self._namespaces.scopes:
            try:
                async with asyncio.timeout(seconds if api in SOURCES.values() else None):
                    found[scope] = await self._list(api, scope)
            except KubeError as error:
                found[scope] = error
            except TimeoutError:
                found[scope] = KubeError(0, "Timeout", f"no answer within {seconds} s")
        return found

    async def _list(self, api: Api, namespace: str | None) -> Listing:
        self._due = time.monotonic()
        listing = await self._kube.list(api, namespace, selector=selector_of(api))
        if self._namespaces.is_doubted(namespace):
            await self._kube.try_watch(api, namespace, version=listing.version)
        return listing


def _joined(listings: list[Listing]) -> Listing:
    """The lists of several namespaces as one, with the version of the earliest."""
    return Listing(items=[item for listing in listings for item in listing.items], version=listings[0].version)
