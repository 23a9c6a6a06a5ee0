"""Reads Secrets and ConfigMaps again and again, each once for all sources that need it.

To watch Secrets, the operator would need the right to list all of them. So each object that a source has read is read
again at an interval, and the source is reconciled when the object has changed. The number of reads a second is limited:
with many objects, the interval becomes longer.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from sluice_common.clock import Clock, SystemClock
from sluice_operator.kubernetes.api_resource import ApiResource, Manifest, without_managed_fields
from sluice_operator.kubernetes.errors import ApiError
from sluice_operator.kubernetes.protocols import ObjectReader
from sluice_operator.kubernetes.source_key import SourceKey

MAX_READS_PER_SECOND: Final = 10.0
READ_TIMEOUT_SECONDS: Final = 15.0
_CONCURRENT_READS: Final = 4
_SLACK: Final = 0.9
_MIN_READS: Final = 5
"""How many objects are read in a round at least, if they are due."""

ObjectPath: TypeAlias = tuple[ApiResource, str, str]
"""Kind, namespace and name."""


@dataclass(slots=True)
class _Entry:
    read_at: float | None = None
    """On the monotonic clock. None if it was not read yet."""
    value: Manifest | None = field(default=None, repr=False)
    error: ApiError | None = None
    is_expired: bool = False
    readers: set[SourceKey] = field(default_factory=set)
    """The sources that are reconciled when it changes."""

    @property
    def is_known(self) -> bool:
        """Whether it was read, and need not be read again before it is due."""
        return self.read_at is not None and self.error is None and not self.is_expired

    @property
    def version(self) -> tuple[str, str, int]:
        """What changes when the object does, or the error."""
        metadata = (self.value or {}).get("metadata", {})
        return metadata.get("uid", ""), metadata.get("resourceVersion", ""), self.error.code if self.error else -1


class ObjectPoller:
    """The objects that sources have read. Its readers return the newest known version, mostly without a request."""

    def __init__(
        self,
        client: ObjectReader,
        *,
        interval_seconds: float,
        is_served: Callable[[str], bool] = lambda _: True,
        clock: Clock | None = None,
    ) -> None:
        """`is_served` says whether objects of a namespace may be read now."""
        self._client = client
        self._interval_seconds = interval_seconds
        self._is_served = is_served
        self._clock = clock or SystemClock()
        self._entries: dict[ObjectPath, _Entry] = {}
        self._asked: dict[SourceKey, set[ObjectPath]] = {}
        """By source: what it has read since its last reconcile ended."""
        self._needed: dict[SourceKey, set[ObjectPath]] = {}
        """By source: what it read in its last reconcile."""

    def reader(self, key: SourceKey) -> ObjectReader:
        """Reads objects for the source of that key, which is reconciled when they change."""
        return _Reader(self, key)

    async def get(self, key: SourceKey, path: ObjectPath) -> Manifest | None:
        """The object as it was read last, or None if there is none. Raises ApiError.

        It is read now if that has failed before, or if it was never read.
        """
        entry = self._entries.setdefault(path, _Entry())
        if not entry.is_known:
            await self._read(path, entry)
        entry.readers.add(key)
        self._entries[path] = entry  # it may have been dropped meanwhile
        self._asked.setdefault(key, set()).add(path)
        if entry.error is not None:
            raise entry.error
        return entry.value

    def put(self, api: ApiResource, item: Manifest) -> None:
        """Store an object that the operator has just written."""
        path = (api, item["metadata"]["namespace"], item["metadata"]["name"])
        if (entry := self._entries.get(path)) is not None:
            entry.value, entry.error, entry.read_at = without_managed_fields(item), None, self._clock.monotonic()

    def reconciled(self, key: SourceKey) -> None:
        """A reconcile of the source of that key has ended. Objects that it has not asked for are no longer read."""
        asked = self._asked.pop(key, set())
        for path in self._needed.pop(key, set()) - asked:
            self._drop_reader(path, key)
        if asked:
            self._needed[key] = asked

    def drop_source(self, key: SourceKey) -> None:
        """Read nothing more for the source of that key."""
        for path in self._asked.pop(key, set()) | self._needed.pop(key, set()):
            self._drop_reader(path, key)

    def expire(self, key: SourceKey) -> None:
        """Read the objects of that source again at its next reconcile."""
        for entry in self._entries.values():
            if key in entry.readers:
                entry.is_expired = True

    async def poll(self, add: Callable[[SourceKey], None], *, pause: Callable[[float], None] = lambda _: None) -> None:
        """Read the objects that are due. `add` is called with each source whose object has changed.

        If the API server asks to wait, `pause` is called with the number of seconds.
        """
        now = self._clock.monotonic()
        per_round = max(_MIN_READS, int(self._interval_seconds * MAX_READS_PER_SECOND))
        # A round may begin a little earlier than the last one did.
        due = [path for path in self._entries if now - self._read_at(path) >= _SLACK * self._interval_seconds]
        due = sorted(filter(self._may_read, due), key=self._read_at)
        slots = asyncio.Semaphore(_CONCURRENT_READS)

        async def read(path: ObjectPath) -> None:
            async with slots:
                if (entry := self._entries.get(path)) is None:
                    return  # nobody needs it any more
                before = entry.version
                await self._read(path, entry, at=now)
            if entry.error is not None and entry.error.retry_after > 0:
                pause(entry.error.retry_after)
            if entry.version != before:
                for key in entry.readers:
                    add(key)

        async with asyncio.TaskGroup() as group:
            for path in due[:per_round]:
                group.create_task(read(path))

    def _may_read(self, path: ObjectPath) -> bool:
        _, namespace, _ = path
        return self._is_served(namespace)

    def _read_at(self, path: ObjectPath) -> float:
        read_at = self._entries[path].read_at
        return float("-inf") if read_at is None else read_at

    async def _read(self, path: ObjectPath, entry: _Entry, *, at: float | None = None) -> None:
        """Read an object now, and store it or the error. `at` is when the round began."""
        value: Manifest | None = None
        error: ApiError | None = None
        try:
            async with asyncio.timeout(READ_TIMEOUT_SECONDS):
                value = await self._client.get(*path)
        except ApiError as caught:
            error = caught
        except TimeoutError:
            error = ApiError(0, "Timeout", f"no answer in {READ_TIMEOUT_SECONDS:.0f} s")
        entry.read_at, entry.error, entry.is_expired = self._clock.monotonic() if at is None else at, error, False
        if error is None and (value is None or entry.value is None or not _is_same(value, entry.value)):
            entry.value = None if value is None else without_managed_fields(value)

    def _drop_reader(self, path: ObjectPath, key: SourceKey) -> None:
        entry = self._entries.get(path)
        if entry is not None:
            entry.readers.discard(key)
            if not entry.readers:
                del self._entries[path]


@dataclass(frozen=True, slots=True)
class _Reader:
    poller: ObjectPoller
    key: SourceKey

    async def get(self, api: ApiResource, namespace: str, name: str) -> Manifest | None:
        """An object, or None if there is none. Raises ApiError."""
        return await self.poller.get(self.key, (api, namespace, name))


def _is_same(one: Manifest, other: Manifest) -> bool:
    return all(one["metadata"].get(field) == other["metadata"].get(field) for field in ("uid", "resourceVersion"))
