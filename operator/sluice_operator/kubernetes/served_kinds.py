"""Which kinds of resource are served, and where: each kind by itself.

A kind whose CRD is missing, that the operator may not list, or whose lists fail concerns nobody but its own resources.
It is tried again and again, and served without a restart as soon as its list succeeds. What is told of it: the log at
once and then rarely, /readyz, and a metric.
"""

import logging
import math
import time
from collections.abc import Collection, Mapping
from http import HTTPStatus
from typing import Final, TypeAlias

from sluice_operator.kinds.registry import SOURCES
from sluice_operator.kubernetes.client import ApiError, ApiResource

logger = logging.getLogger(__name__)

MAX_RETRY_SECONDS: Final = 10.0
"""One short list of that kind alone: nobody wants to wait long for a CRD that has come back."""
_GRACE_SECONDS: Final = 10.0
"""For how long a watch that is begun anew is nobody's concern."""
_LOG_AGAIN_SECONDS: Final = 3600.0

Scope: TypeAlias = str | None
"""A namespace, or the whole cluster (None)."""


class ServedKinds:
    """The kinds of resource, each with its trouble, if it has any."""

    def __init__(self) -> None:
        self._errors: dict[ApiResource, dict[Scope, ApiError]] = {}
        """By kind, the last error of each scope where it could not be listed."""
        self._listed: dict[ApiResource, set[Scope]] = {}
        """By kind, the scopes that were ever listed; a kind that is not here need not be."""
        self._unwatched: dict[ApiResource, tuple[str, float]] = {}
        """Why, and since when."""
        self._failures: dict[ApiResource, int] = {}
        self._logged: dict[ApiResource, tuple[str, float]] = {}

    @property
    def served_by_kind(self) -> dict[str, bool]:
        """By kind, whether it is served everywhere."""
        return {api.kind: not self._problem(api) for api in SOURCES.values()}

    @property
    def problems(self) -> dict[ApiResource, str]:
        """By kind, what keeps it from being served, and what to do; without those that have none."""
        return {api: trouble for api in SOURCES.values() if (trouble := self._problem(api))}

    @property
    def to_retry(self) -> list[ApiResource]:
        """Those of which a list has failed."""
        return [api for api in SOURCES.values() if self._errors.get(api)]

    @property
    def retry_seconds(self) -> float:
        """In how many seconds to list them again."""
        pauses = [2.0 ** min(self._failures.get(api, 0), 10) for api in self.to_retry]
        return min(MAX_RETRY_SECONDS, *pauses) if pauses else math.inf

    def serves(self, api: ApiResource, namespace: Scope) -> bool:
        """Whether objects of that kind in that namespace are looked at and watched."""
        listed = self._listed.get(api)
        if listed is not None and listed.isdisjoint({namespace, None}):
            return False
        errors = self._errors.get(api, {})
        return not any(is_lasting(errors[scope]) for scope in (namespace, None) if scope in errors)

    def is_watched(self, api: ApiResource) -> bool:
        """Whether its watch runs, as far as is known."""
        return api not in self._unwatched

    def mark_unlisted(self, api: ApiResource) -> None:
        """That kind was not listed yet: nothing of it is served before it is, for half of the truth would mislead."""
        self._listed.setdefault(api, set())

    def record_list(self, api: ApiResource, errors: Mapping[Scope, ApiError], *, scopes: Collection[Scope]) -> None:
        """That kind was listed in `scopes`, with these errors."""
        before = self._problem(api)
        kept = {scope: error for scope, error in self._errors.get(api, {}).items() if scope not in scopes}
        self._errors[api] = {**kept, **errors}
        if api in self._listed:
            self._listed[api] |= set(scopes) - errors.keys()
        self._failures[api] = self._failures.get(api, 0) + 1 if self._errors[api] else 0
        self._log_change(api, before)

    def watch_failed(self, api: ApiResource, reason: str) -> None:
        """Its watch has ended, and is begun anew."""
        before = self._problem(api)
        _, since = self._unwatched.get(api, ("", time.monotonic()))
        self._unwatched[api] = reason, since
        self._log_change(api, before)

    def watch_running(self, api: ApiResource) -> None:
        """Its watch goes on."""
        before = self._problem(api)
        self._unwatched.pop(api, None)
        self._log_change(api, before)

    def _problem(self, api: ApiResource) -> str:
        for scope, error in self._errors.get(api, {}).items():
            return _describe(api, scope, error)
        reason, since = self._unwatched.get(api, ("", math.inf))
        if time.monotonic() - since > _GRACE_SECONDS:
            return f"{api.plural} can't be watched, and are listed instead: {reason}"
        return "" if self._listed.get(api, True) else f"{api.plural} are not listed yet"

    def _log_change(self, api: ApiResource, before: str) -> None:
        trouble, now = self._problem(api), time.monotonic()
        told, until = self._logged.get(api, ("", 0.0))
        if trouble and (trouble != told or now >= until):
            logger.error("Not served: %s", trouble)
            self._logged[api] = trouble, now + _LOG_AGAIN_SECONDS
        elif before and not trouble and told:
            logger.info("%s are served", api.plural)
            del self._logged[api]


def is_lasting(error: ApiError) -> bool:
    """Whether a list will be refused until somebody changes something; otherwise what is known goes on to be served."""
    return error.code in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}


def is_kind_missing(error: ApiError) -> bool:
    """Whether there is no such kind, so no object of it."""
    return error.code == HTTPStatus.NOT_FOUND


def _describe(api: ApiResource, scope: Scope, error: ApiError) -> str:
    where = f" in namespace {scope}" if scope else ""
    if is_kind_missing(error):
        return f"There is no CRD for {api.plural} in version {api.api_version}: install it, as the chart does"
    if error.code == HTTPStatus.FORBIDDEN:
        return f"the right to list and watch {api.plural}{where}, as the chart's rules have it: {error.message}"
    return f"{api.plural}{where} can't be listed: {error}"
