"""Sources that were deleted and whose pods may still run. Their cursors are not free yet.

The pods of a deleted resource end some seconds after it. If a source that waits for the cursor started before that, the
two ingesters would fence each other. This is kept in memory only. If the operator restarts in these seconds, the fence
still prevents that an event is stored twice.
"""

from dataclasses import dataclass, field
from typing import Final

from sluice_common.clock import Clock
from sluice_operator.api.source import Source
from sluice_operator.desired.deletion_plan import may_run_ingester
from sluice_operator.kubernetes.api_resource import DEPLOYMENTS, PODS
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.reconcile.keys import source_key

_MAX_WAIT_SECONDS: Final = 60.0
"""How long to wait for pods. Those of a lost node never end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownSource:
    """A source and the URL of its Redis, as of its last reconcile."""

    source: Source
    url: bytes | None = field(repr=False)
    """None if there is none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _TerminatingSource:
    known: KnownSource
    wait_until: float


def without_status(source: Source) -> Source:
    """`source` without its status, which takes most of its memory."""
    return source.model_copy(update={"status": type(source).model_fields["status"].default})


class TerminatingSources:
    """The sources that were deleted a short time ago."""

    def __init__(self, cache: Cache, clock: Clock) -> None:
        self._cache = cache
        self._clock = clock
        self._sources: dict[str, _TerminatingSource] = {}  # by uid

    def add(self, known: KnownSource) -> None:
        """Add a source that is gone."""
        wait_until = self._clock.monotonic() + _MAX_WAIT_SECONDS
        self._sources[known.source.metadata.uid] = _TerminatingSource(known=known, wait_until=wait_until)

    def still_running(self) -> list[KnownSource]:
        """The sources whose pods may still run."""
        self._sources = {uid: source for uid, source in self._sources.items() if self._may_still_run(source)}
        return [terminating.known for terminating in self._sources.values()]

    def _may_still_run(self, terminating: _TerminatingSource) -> bool:
        if self._clock.monotonic() >= terminating.wait_until:
            return False
        source = terminating.known.source
        key, uid = source_key(source), source.metadata.uid
        owners = [
            reference["uid"]
            for child in self._cache.children(DEPLOYMENTS, key)
            for reference in child["metadata"].get("ownerReferences") or []
        ]
        return uid in owners or any(may_run_ingester(pod) for pod in self._cache.children(PODS, key))
