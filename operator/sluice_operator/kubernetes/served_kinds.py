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
from sluice_operator.kubernetes.client import Api, KubeError

logger = logging.getLogger(__name__)

LONGEST_RETRY_SECONDS: Final = 10.0
"""One short list of that kind alone: nobody wants to wait long for a CRD that has come back."""
_GRACE_SECONDS: Final = 10.0
"""For how long a watch that is begun anew is nobody's concern."""
_TELL_AGAIN_SECONDS: Final = 3600.0

Scope: TypeAlias = str | None
"""A namespace, or the whole cluster (None)."""


class Kinds:
    """The kinds of resource, each with its trouble, if it has any."""

    def __init__(self) -> None:
        self._errors: dict[Api, dict[Scope, KubeError]] = {}
        """By kind, the last error of each scope where it could not be listed."""
        self._listed: dict[Api, set[Scope]] = {}
        """By kind, the scopes that were ever listed; a kind that is not here need not be."""
        self._unwatched: dict[Api, tuple[str, float]] = {}
        """Why, and since when."""
        self._tries: dict[Api, int] = {}
        self._told: dict[Api, tuple[str, float]] = {}

    @property
    def states(self) -> dict[str, bool]:
        """By kind, whether it is served everywhere."""
        return {api.kind: not self._trouble(api) for api in SOURCES.values()}

    @property
    def troubles(self) -> dict[Api, str]:
        """By kind, what keeps it from being served, and what to do; without those that have none."""
        return {api: trouble for api in SOURCES.values() if (trouble := self._trouble(api))}

    @property
    def to_retry(self) -> list[Api]:
        """Those of which a list has failed."""
        return [api for api in SOURCES.values() if self._errors.get(api)]

    @property
    def retry_seconds(self) -> float:
        """In how many seconds to list them again."""
        pauses = [2.0 ** min(self._tries.get(api, 0), 10) for api in self.to_retry]
        return min(LONGEST_RETRY_SECONDS, *pauses) if pauses else math.inf

    def serves(self, api: Api, namespace: Scope) -> bool:
        """Whether objects of that kind in that namespace are looked at and watched."""
        listed = self._listed.get(api)
        if listed is not None and listed.isdisjoint({namespace, None}):
            return False
        errors = self._errors.get(api, {})
        return not any(is_refused(errors[scope]) for scope in (namespace, None) if scope in errors)

    def is_watched(self, api: Api) -> bool:
        """Whether its watch runs, as far as is known."""
        return api not in self._unwatched

    def pend(self, api: Api) -> None:
        """That kind was not listed yet: nothing of it is served before it is, for half of the truth would mislead."""
        self._listed.setdefault(api, set())

    def settle(self, api: Api, errors: Mapping[Scope, KubeError], *, scopes: Collection[Scope]) -> None:
        """That kind was listed in `scopes`, with these errors."""
        before = self._trouble(api)
        kept = {scope: error for scope, error in self._errors.get(api, {}).items() if scope not in scopes}
        self._errors[api] = {**kept, **errors}
        if api in self._listed:
            self._listed[api] |= set(scopes) - errors.keys()
        self._tries[api] = self._tries.get(api, 0) + 1 if self._errors[api] else 0
        self._tell(api, before)

    def watch_failed(self, api: Api, reason: str) -> None:
        """Its watch has ended, and is begun anew."""
        before = self._trouble(api)
        _, since = self._unwatched.get(api, ("", time.monotonic()))
        self._unwatched[api] = reason, since
        self._tell(api, before)

    def watch_runs(self, api: Api) -> None:
        """Its watch goes on."""
        before = self._trouble(api)
        self._unwatched.pop(api, None)
        self._tell(api, before)

    def _trouble(self, api: Api) -> str:
        for scope, error in self._errors.get(api, {}).items():
            return _words(api, scope, error)
        reason, since = self._unwatched.get(api, ("", math.inf))
        if time.monotonic() - since > _GRACE_SECONDS:
            return f"{api.plural} can't be watched, and are listed instead: {reason}"
        return "" if self._listed.get(api, True) else f"{api.plural} are not listed yet"

    def _tell(self, api: Api, before: str) -> None:
        trouble, now = self._trouble(api), time.monotonic()
        told, until = self._told.get(api, ("", 0.0))
        if trouble and (trouble != told or now >= until):
            logger.error("Not served: %s", trouble)
            self._told[api] = trouble, now + _TELL_AGAIN_SECONDS
        elif before and not trouble and told:
            logger.info("%s are served", api.plural)
            del self._told[api]


def is_refused(error: KubeError) -> bool:
    """Whether a list will be refused until somebody changes something; otherwise what is known goes on to be served."""
    return error.code in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}


def is_missing(error: KubeError) -> bool:
    """Whether there is no such kind, so no object of it."""
    return error.code == HTTPStatus.NOT_FOUND


def _words(api: Api, scope: Scope, error: KubeError) -> str:
    where = f" in namespace {scope}" if scope else ""
    if is_missing(error):
        return f"There is no CRD for {api.plural} in version {api.version}: install it, as the chart does"
    if error.code == HTTPStatus.FORBIDDEN:
        return f"the right to list and watch {api.plural}{where}, as the chart's rules have it: {error.message}"
    return f"{api.plural}{where} can't be listed: {error}"
