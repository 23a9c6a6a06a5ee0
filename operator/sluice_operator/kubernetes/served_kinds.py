"""Which kinds of sources are served, and where. Each kind is independent of the others.

A kind is not served if its CRD is missing, if the operator may not list it, or if its first list failed. It is tried
again and again, and served without a restart as soon as its list succeeds. A problem is logged at once and then rarely,
and shown by /readyz and a metric.
"""

import logging
import math
from collections.abc import Collection, Mapping
from http import HTTPStatus
from typing import Final, TypeAlias

from sluice_common.clock import Clock, SystemClock
from sluice_operator.kubernetes.api_resource import ApiResource
from sluice_operator.kubernetes.errors import ApiError

logger = logging.getLogger(__name__)

MAX_RETRY_SECONDS: Final = 10.0
"""A retry is one short list of that kind. A CRD that was installed again should be served soon."""
_GRACE_SECONDS: Final = 10.0
"""How long a watch may be down before that counts as a problem."""
_LOG_AGAIN_SECONDS: Final = 3600.0

Scope: TypeAlias = str | None
"""A namespace, or the whole cluster (None)."""


class ServedKinds:
    """The kinds of sources, each with its problem, if it has one."""

    def __init__(self, sources: Collection[ApiResource], *, clock: Clock | None = None) -> None:
        self._sources = sources
        self._clock = clock or SystemClock()
        self._errors: dict[ApiResource, dict[Scope, ApiError]] = {}
        """By kind, the last error in each scope where its list failed."""
        self._listed: dict[ApiResource, set[Scope]] = {}
        """By kind, the scopes that were ever listed. A kind that is absent is served without a list."""
        self._unwatched: dict[ApiResource, tuple[str, float]] = {}
        """By kind, why it is not watched, and since when."""
        self._failures: dict[ApiResource, int] = {}
        self._logged: dict[ApiResource, tuple[str, float]] = {}
        """By kind, the problem that was logged, and until when it is not logged again."""

    @property
    def served_by_kind(self) -> dict[str, bool]:
        """By kind, whether it is served everywhere."""
        return {api.kind: not self._problem(api) for api in self._sources}

    @property
    def problems(self) -> dict[ApiResource, str]:
        """By kind with a problem, what keeps it from being served, and what to do."""
        return {api: problem for api in self._sources if (problem := self._problem(api))}

    @property
    def to_retry(self) -> list[ApiResource]:
        """The kinds of which a list has failed."""
        return [api for api in self._sources if self._errors.get(api)]

    @property
    def retry_seconds(self) -> float:
        """The number of seconds until the next attempt to list them."""
        pauses = [2.0 ** min(self._failures.get(api, 0), 10) for api in self.to_retry]
        return min(MAX_RETRY_SECONDS, *pauses) if pauses else math.inf

    def serves(self, api: ApiResource, namespace: Scope) -> bool:
        """Whether objects of that kind in that namespace are reconciled and watched."""
        listed = self._listed.get(api)
        if listed is not None and listed.isdisjoint({namespace, None}):
            return False
        errors = self._errors.get(api, {})
        return not any(is_lasting(errors[scope]) for scope in (namespace, None) if scope in errors)

    def is_watched(self, api: ApiResource) -> bool:
        """Whether its watch runs, as far as is known."""
        return api not in self._unwatched

    def mark_unlisted(self, api: ApiResource) -> None:
        """Serve nothing of that kind until its first list. An incomplete cache would lead to wrong decisions."""
        self._listed.setdefault(api, set())

    def record_list(self, api: ApiResource, errors: Mapping[Scope, ApiError], *, scopes: Collection[Scope]) -> None:
        """Record that the kind was listed in `scopes`, with these errors."""
        before = self._problem(api)
        kept = {scope: error for scope, error in self._errors.get(api, {}).items() if scope not in scopes}
        self._errors[api] = {**kept, **errors}
        if api in self._listed:
            self._listed[api] |= set(scopes) - errors.keys()
        self._failures[api] = self._failures.get(api, 0) + 1 if self._errors[api] else 0
        self._log_change(api, before)

    def watch_failed(self, api: ApiResource, reason: str) -> None:
        """Record that its watch has ended, and is started again."""
        before = self._problem(api)
        _, since = self._unwatched.get(api, ("", self._clock.monotonic()))
        self._unwatched[api] = reason, since
        self._log_change(api, before)

    def watch_running(self, api: ApiResource) -> None:
        """Record that its watch runs."""
        before = self._problem(api)
        self._unwatched.pop(api, None)
        self._log_change(api, before)

    def _problem(self, api: ApiResource) -> str:
        for scope, error in self._errors.get(api, {}).items():
            return _describe(api, scope, error)
        reason, since = self._unwatched.get(api, ("", math.inf))
        if self._clock.monotonic() - since > _GRACE_SECONDS:
            return f"{api.plural} can't be watched, and are listed instead: {reason}"
        return "" if self._listed.get(api, True) else f"{api.plural} are not listed yet"

    def _log_change(self, api: ApiResource, before: str) -> None:
        problem, now = self._problem(api), self._clock.monotonic()
        logged, until = self._logged.get(api, ("", 0.0))
        if problem and (problem != logged or now >= until):
            logger.error("Not served: %s", problem)
            self._logged[api] = problem, now + _LOG_AGAIN_SECONDS
        elif before and not problem and logged:
            logger.info("%s are served", api.plural)
            del self._logged[api]


def is_lasting(error: ApiError) -> bool:
    """Whether a list fails until somebody changes something. After other errors the cached objects stay served."""
    return error.code in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}


def is_kind_missing(error: ApiError) -> bool:
    """Whether the kind is unknown to the API server, so that it has no objects."""
    return error.code == HTTPStatus.NOT_FOUND


def _describe(api: ApiResource, scope: Scope, error: ApiError) -> str:
    where = f" in namespace {scope}" if scope else ""
    if is_kind_missing(error):
        return f"There is no CRD for {api.plural} in version {api.api_version}: install it, as the chart does"
    if error.code == HTTPStatus.FORBIDDEN:
        return f"the right to list and watch {api.plural}{where}, as the chart's rules have it: {error.message}"
    return f"{api.plural}{where} can't be listed: {error}"
