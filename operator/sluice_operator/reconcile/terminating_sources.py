"""Sources that are gone and whose pods have not ended yet: for so long their cursors are not free.

A resource is gone at once, its pods some seconds later. Whoever waits for its cursor would otherwise begin beside
them, and each would fence the other. This is kept in memory alone: after a restart of the operator in just those
seconds the fence is what is left.
"""

import time
from dataclasses import dataclass, field
from typing import Final

from sluice_operator.api.source import Source
from sluice_operator.desired.deletion_plan import may_run_ingester
from sluice_operator.kinds.source_key import source_key
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.kubernetes.client import DEPLOYMENTS, PODS

_MAX_WAIT_SECONDS: Final = 60.0
"""For how long pods are waited for: those of a lost node never end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownSource:
    """A source and the URL of its Redis, as a look has found them."""

    source: Source
    url: bytes | None = field(repr=False)
    """None if there is none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _TerminatingSource:
    known: KnownSource
    until: float


class TerminatingSources:
    """Remembers what has gone a short time ago."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._sources: dict[str, _TerminatingSource] = {}  # by uid

    def add(self, known: KnownSource) -> None:
        """That source is gone."""
        self._sources[known.source.metadata.uid] = _TerminatingSource(
            known=known, until=time.monotonic() + _MAX_WAIT_SECONDS
        )

    def still_running(self) -> list[KnownSource]:
        """Those of which something may still run."""
        self._sources = {uid: gone for uid, gone in self._sources.items() if self._may_still_run(gone)}
        return [gone.known for gone in self._sources.values()]

    def _may_still_run(self, terminating: _TerminatingSource) -> bool:
        if time.monotonic() >= terminating.until:
            return False
        source = terminating.known.source
        key, uid = source_key(source), source.metadata.uid
        owners = [
            reference["uid"]
            for child in self._cache.children(DEPLOYMENTS, key)
            for reference in child["metadata"].get("ownerReferences") or []
        ]
        return uid in owners or any(may_run_ingester(pod) for pod in self._cache.children(PODS, key))
