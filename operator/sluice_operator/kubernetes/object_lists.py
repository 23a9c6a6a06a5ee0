"""Lists all objects of the watched kinds, and records which kinds and namespaces the API server does not serve.

A kind of source that can't be listed does not hold up the others (`served_kinds`). Without the kinds of children
nothing can be served.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from functools import partial
from http import HTTPStatus
from typing import TypeAlias

from sluice_operator.kubernetes.api_resource import ApiResource, Manifest, ObjectList
from sluice_operator.kubernetes.errors import ApiError
from sluice_operator.kubernetes.protocols import ObjectLister
from sluice_operator.kubernetes.served_kinds import Scope, is_kind_missing, is_lasting
from sluice_operator.kubernetes.served_namespaces import ServedNamespaces
from sluice_operator.kubernetes.watched_kinds import WatchedKinds

Listed: TypeAlias = Mapping[Scope, ObjectList | ApiError]
"""The objects of one kind in each scope, or why they could not be listed."""


class ObjectLists:
    """Lists objects in all scopes."""

    def __init__(
        self,
        *,
        client: ObjectLister,
        kinds: WatchedKinds,
        namespaces: ServedNamespaces,
        on_request: Callable[[], None],
        convert: Callable[[ApiResource, Manifest], Manifest],
    ) -> None:
        """`on_request` is called before each request. `convert` makes what is kept of an object.

        The API server's objects take several times the memory of the cached ones.
        """
        self._client = client
        self._kinds = kinds
        self._namespaces = namespaces
        self._on_request = on_request
        self._convert = convert
        self.failed_scopes: dict[ApiResource, Collection[Scope]] = {}
        """By kind, the scopes in which its last list has failed."""

    async def list_all(
        self, resources: Collection[ApiResource], *, is_synced: bool, timeout_seconds: float | None = None
    ) -> dict[ApiResource, ObjectList]:
        """All objects of these kinds, without the kinds whose list failed.

        `is_synced`: everything was listed once. A kind of source that takes longer than `timeout_seconds` has failed.
        Raises ApiError if children could not be listed, or no kind of source. An operator that is synced goes on
        without any kind of source, if that may last.
        """
        results = await asyncio.gather(*(self._list_kind(api, timeout_seconds=timeout_seconds) for api in resources))
        found: dict[ApiResource, Listed] = dict(zip(resources, results, strict=True))
        self._record_errors(found, is_synced=is_synced)
        lists: dict[ApiResource, ObjectList] = {}
        for api, scopes in found.items():
            errors = _errors_of(scopes)
            self.failed_scopes[api] = errors.keys()
            good = [one for scope, one in scopes.items() if isinstance(one, ObjectList) and self._is_served(scope)]
            if any(map(is_kind_missing, errors.values())):
                lists[api] = ObjectList(items=[], resource_version="")
                self.failed_scopes[api] = ()
            elif good:
                lists[api] = _merge_lists(good)
        return lists

    def _is_served(self, scope: Scope) -> bool:
        return scope is None or self._namespaces.serves(scope)

    def _record_errors(self, found: Mapping[ApiResource, Listed], *, is_synced: bool) -> None:
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
            self._check_any_source_listed(errors, is_synced=is_synced)

    def _check_any_source_listed(
        self, errors: Mapping[ApiResource, Mapping[Scope, ApiError]], *, is_synced: bool
    ) -> None:
        """Raise ApiError if no kind of source could be listed anywhere."""
        of_sources = [errors[api] for api in self._kinds.sources.values()]
        scopes = {scope for scope in self._namespaces.scopes if self._is_served(scope)}
        if not all(of_kind.keys() >= scopes for of_kind in of_sources):
            return
        first = next(error for of_kind in of_sources for error in of_kind.values())
        # A running operator goes on even without any CRD: each kind is tried again by itself.
        if not is_synced or not is_lasting(first):
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
        self._on_request()
        listed = await self._client.list(
            api, scope, label_selector=self._kinds.label_selector(api), convert=partial(self._convert, api)
        )
        if self._namespaces.needs_watch_check(scope):
            await self._client.try_watch(api, scope, resource_version=listed.resource_version)
        return listed


def _errors_of(listed: Listed) -> dict[Scope, ApiError]:
    return {scope: one for scope, one in listed.items() if isinstance(one, ApiError)}


def _merge_lists(lists: list[ObjectList]) -> ObjectList:
    """The lists of several namespaces as one, with the version of the earliest."""
    return ObjectList(items=[item for one in lists for item in one.items], resource_version=lists[0].resource_version)
