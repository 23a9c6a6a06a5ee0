"""Sources that are gone and whose pods have not ended yet: for so long their cursors are not free.

A resource is gone at once, its pods some seconds later. Whoever waits for its cursor would otherwise begin beside
them, and each would fence the other. This is kept in memory alone: after a restart of the operator in just those
seconds the fence is what is left.
"""

import time
from dataclasses import dataclass, field
from typing import Final

from sluice_operator.api.source import Source
from sluice_operator.desired.deletion_plan import may_write
from sluice_operator.kinds.registry import source_key
from sluice_operator.kubernetes.cache import Store
from sluice_operator.kubernetes.client import DEPLOYMENTS, PODS

_SECONDS: Final = 60.0
"""For how long pods are waited for: those of a lost node never end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A source and the URL of its Redis, as a look has found them."""

    source: Source
    url: bytes | None = field(repr=False)
    """None if there is none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Gone:
    found: Found
    until: float


class Remains:
    """Remembers what has gone a short time ago."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._gone: dict[str, _Gone] = {}  # by uid

    def add(self, found: Found) -> None:
        """That source is gone."""
        self._gone[found.source.metadata.uid] = _Gone(found=found, until=time.monotonic() + _SECONDS)

    def running(self) -> list[Found]:
        """Those of which something may still run."""
        self._gone = {uid: gone for uid, gone in self._gone.items() if self._runs(gone)}
        return [gone.found for gone in self._gone.values()]

    def _runs(self, gone: _Gone) -> bool:
        if time.monotonic() >= gone.until:
            return False
        source = gone.found.source
        key, uid = source_key(source), source.metadata.uid
        owners = [
            reference["uid"]
            for child in self._store.children(DEPLOYMENTS, key)
            for reference in child["metadata"].get("ownerReferences") or []
        ]
        return uid in owners or any(may_write(pod) for pod in self._store.children(PODS, key))
