"""The sources of each pool, and which of its Deployments runs which of them.

A source keeps its Deployment for as long as it is in the pool: its status names it. A new source gets the first
Deployment with room. So no source is moved because another one comes or goes.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from sluice_operator.api.errors import InvalidResourceError
from sluice_operator.api.source import Source
from sluice_operator.desired.cursor_claim import claim_rank
from sluice_operator.desired.pools import PoolKey, pool_of
from sluice_operator.kubernetes.api_resource import Manifest
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.reconcile.kinds import Kinds
from sluice_operator.reconcile.terminating_sources import without_status

SOURCES_PER_POD: Final = 100
"""How many sources one pod runs at most."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Members:
    """The sources of a pool that are not being deleted and whose spec is valid. They are without their statuses."""

    oldest: Source | None
    """None if there are none."""
    assigned: Mapping[int, Sequence[Source]]
    """By number of a Deployment: its sources, the oldest first."""
    indices: Mapping[str, int]
    """By uid of a source: the number of its Deployment."""


@dataclass(slots=True)
class _Parsed:
    generation: Any
    source: Source | None
    """None if its spec is invalid."""


class PoolMembers:
    """The sources of all pools."""

    def __init__(self, *, cache: Cache, kinds: Kinds, sources_per_pod: int = SOURCES_PER_POD) -> None:
        self._cache = cache
        self._kinds = kinds
        self._sources_per_pod = sources_per_pod
        self._indices: dict[PoolKey, dict[str, int]] = {}
        """By pool and uid of a source: the number of its Deployment."""
        self._parsed: dict[str, _Parsed] = {}
        self._known: dict[PoolKey, tuple[int, Members]] = {}
        """By pool: its sources, and the revision of the cache from which they are."""

    def of(self, pool: PoolKey) -> Members:
        """The sources of `pool`."""
        revision, members = self._known.get(pool, (None, None))
        if members is None or revision != self._cache.sources_revision:
            members = self._find(pool)
            self._known[pool] = self._cache.sources_revision, members
        return members

    def _find(self, pool: PoolKey) -> Members:
        found = [one for one in self._cache.sources_by(pool_of, pool) if "deletionTimestamp" not in one["metadata"]]
        indices = self._indices[pool] = self._assign(pool, found)
        sources = [source for one in sorted(found, key=claim_rank) if (source := self._parse(one)) is not None]
        assigned: dict[int, list[Source]] = {}
        for source in sources:
            assigned.setdefault(indices[source.metadata.uid], []).append(source)
        return Members(
            oldest=sources[0] if sources else None,
            assigned=assigned,
            indices={source.metadata.uid: indices[source.metadata.uid] for source in sources},
        )

    def drop_source(self, uid: str) -> None:
        """Drop a source that was deleted."""
        self._parsed.pop(uid, None)
        for indices in self._indices.values():
            indices.pop(uid, None)

    def _assign(self, pool: PoolKey, found: list[Manifest]) -> dict[str, int]:
        """By uid: the number of the Deployment of each source of the pool."""
        uids = {one["metadata"]["uid"] for one in found}
        indices = {uid: index for uid, index in self._indices.get(pool, {}).items() if uid in uids}
        fresh = [one for one in sorted(found, key=claim_rank) if one["metadata"]["uid"] not in indices]
        counts: dict[int, int] = {}
        for index in indices.values():
            counts[index] = counts.get(index, 0) + 1
        # Those with a place in their status come first, so that nobody else takes it.
        for one in sorted(fresh, key=lambda one: _index_in_status(pool, one) is None):
            own = _index_in_status(pool, one)
            free = (number for number in range(len(found) + 1) if counts.get(number, 0) < self._sources_per_pod)
            place = next(free) if own is None else own
            indices[one["metadata"]["uid"]] = place
            counts[place] = counts.get(place, 0) + 1
        return indices

    def _parse(self, found: Manifest) -> Source | None:
        uid, generation = found["metadata"]["uid"], found["metadata"].get("generation")
        parsed = self._parsed.get(uid)
        if parsed is None or parsed.generation != generation:
            source = None
            with suppress(InvalidResourceError):
                source = without_status(self._kinds[found["kind"]].model.parse(found))
            parsed = self._parsed[uid] = _Parsed(generation=generation, source=source)
        return parsed.source


def _index_in_status(pool: PoolKey, found: Manifest) -> int | None:
    status = (found.get("status") or {}).get("pool") or {}
    return pool.index_of(str(status.get("deployment", ""))) if status.get("name") == pool.name else None
