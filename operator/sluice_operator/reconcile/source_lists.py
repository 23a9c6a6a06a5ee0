"""The source lists of shared Deployments in Redis: which sources they should name, and which the ingester runs.

Each source decides for itself which of its streams run, and adds their entries to the list of its Deployment. Entries
of sources that were not reconciled since the operator started stay as they are in Redis. The ingester follows the list
without a restart, and says which version it has applied. So the operator knows when a source that was removed from the
list has ended.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sluice_common.clock import Clock
from sluice_operator.api.source import Source
from sluice_operator.desired.pools import PoolKey, list_version, owner_of_entry, pool_sharers, source_id
from sluice_operator.kubernetes.api_resource import PODS, Manifest
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.observed.facts.redis import SinkFacts
from sluice_operator.observed.pod_ownership import is_of_deployment
from sluice_operator.redis.source_lists import SourceListState
from sluice_operator.redis.source_redis import SourceRedis

STATE_SECONDS: Final = 2.0
"""How old the known state of a source list may be."""


@dataclass(slots=True)
class _List:
    """The source list of one Deployment."""

    key: str = ""
    url: bytes = field(default=b"", repr=False)
    ca_bundle: str = field(default="", repr=False)
    state: SourceListState = field(default_factory=SourceListState)
    read_at: float = float("-inf")
    failure: SinkFacts | None = None
    """Why the list could not be read or written, if so."""
    entries: dict[str, dict[str, str]] = field(default_factory=dict)
    """By source, as `KIND/NAMESPACE/NAME`: its entries by ID, as its last reconcile wants them."""
    joined: dict[str, datetime] = field(default_factory=dict)
    """By ID of an entry: when it was added, if this process has seen that."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PooledStream:
    """A stream of a source in a shared Deployment."""

    runs: bool
    """Whether the source list names it."""
    is_applied: bool
    """Whether the ingester, if one runs, has applied the list."""
    joined: datetime | None = None
    """When the stream was added to the list, if known."""
    failure: SinkFacts | None = None
    """Why the list could not be read or written, if so."""

    @property
    def is_pending(self) -> bool:
        """Whether the operator or the ingester has not done yet what the source wants."""
        return self.failure is not None or not self.is_applied


class SourceLists:
    """The source lists of all shared Deployments."""

    def __init__(self, *, redis: SourceRedis, cache: Cache, clock: Clock) -> None:
        self._redis = redis
        self._cache = cache
        self._clock = clock
        self._lists: dict[tuple[PoolKey, int], _List] = {}

    def want(self, pool: PoolKey, index: int, source: Source, entries: Mapping[str, str]) -> None:
        """Say which entries of `source` the list should have."""
        self._get(pool, index).entries[source_id(source)] = dict(entries)

    def connect(self, pool: PoolKey, index: int, *, key: str, url: bytes, ca_bundle: str) -> None:
        """Say where the list is."""
        one = self._get(pool, index)
        if (one.key, one.url) != (key, url):
            one.read_at = float("-inf")
        one.key, one.url, one.ca_bundle = key, url, ca_bundle

    async def sync(self, pool: PoolKey, index: int, members: frozenset[str]) -> None:
        """Write the list if it is not as the sources want it. A failure of Redis is not raised: see `PooledStream`.

        `members` are the sources that may be in the list, as `KIND/NAMESPACE/NAME`.
        """
        one = self._get(pool, index)
        if not one.key or not await self._read(one):
            return
        wanted, before = self._wanted(one, members), one.state.entries
        version = list_version(wanted)
        if one.state.version == version:
            return
        one.read_at = float("-inf")
        one.failure = await self._redis.write_source_list(one.url, one.key, version, wanted, ca_bundle=one.ca_bundle)
        if one.failure is not None:
            return
        now = self._clock.now()
        new = {entry: now for entry in wanted if entry not in before}
        one.joined = {entry: at for entry, at in one.joined.items() if entry in wanted} | new
        await self._read(one)

    async def delete(self, pool: PoolKey, index: int) -> None:
        """Delete the list of a Deployment that no source uses any more. A failure of Redis is not raised."""
        one = self._lists.pop((pool, index), None)
        if one is not None and one.key:
            await self._redis.delete_source_list(one.url, one.key, ca_bundle=one.ca_bundle)

    def stream(self, pool: PoolKey, index: int, entry: str) -> PooledStream:
        """What is known about the entry with that ID."""
        one = self._get(pool, index)
        state = one.state
        runs = entry in state.entries
        return PooledStream(
            runs=runs,
            is_applied=bool(state.version) and self._is_applied(pool, index, state),
            joined=one.joined.get(entry),
            failure=one.failure,
        )

    def has_ended(self, pool: PoolKey, index: int, source: str) -> bool:
        """Whether the list has no entry of `source` (`KIND/NAMESPACE/NAME`), and the ingester has applied that."""
        state = self._get(pool, index).state
        is_listed = any(owner_of_entry(entry) == source for entry in state.entries)
        return bool(state.version) and not is_listed and self._is_applied(pool, index, state)

    def _is_applied(self, pool: PoolKey, index: int, state: SourceListState) -> bool:
        """Whether each ingester that runs has applied the newest version."""
        running = [pod["metadata"]["name"] for pod in self.pods(pool, index) if _may_run(pod)]
        return state.applied == state.version if running == [state.applied_by] else not running

    def pods(self, pool: PoolKey, index: int) -> list[Manifest]:
        """The pods of a shared Deployment."""
        name = pool.deployment(index)
        return [pod for pod in self._cache.shared_children(PODS, pool_sharers(pool)) if is_of_deployment(pod, name)]

    async def _read(self, one: _List) -> bool:
        """Read the list, unless that was done a moment ago. Returns whether it is known."""
        now = self._clock.monotonic()
        if now - one.read_at >= STATE_SECONDS or one.state.failure is not None:
            one.state = await self._redis.read_source_list(one.url, one.key, ca_bundle=one.ca_bundle)
            one.read_at, one.failure = now, one.state.failure
        return one.state.failure is None

    def _wanted(self, one: _List, members: frozenset[str]) -> dict[str, str]:
        kept = {
            entry: value
            for entry, value in one.state.entries.items()
            if (owner := owner_of_entry(entry)) in members and owner not in one.entries
        }
        known = {entry: value for owner, own in one.entries.items() if owner in members for entry, value in own.items()}
        return {**kept, **known}

    def _get(self, pool: PoolKey, index: int) -> _List:
        return self._lists.setdefault((pool, index), _List())


def _may_run(pod: Manifest) -> bool:
    return (pod.get("status") or {}).get("phase") not in {"Succeeded", "Failed", "Pending"}
