"""Kubernetes Events: what a user would want to know, once, however often it happens.

The same event about the same object counts up for as long as the API server keeps it, and one object can't
flood the others: as kubectl and its users know it from Kubernetes' own controllers.
"""

import hashlib
import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

from sluice_operator.kube import EVENTS, Kube, KubeError, Manifest
from sluice_operator.status.changes import Tell

logger = logging.getLogger(__name__)

COMPONENT: Final = "sluice-operator"
REPEAT_SECONDS: Final = 3000.0  # an API server keeps events for an hour
BURST: Final = 25
REFILL_SECONDS: Final = 30.0
_LONGEST_MESSAGE: Final = 1000
_MOST_MEMORIES: Final = 4096


@dataclass(slots=True)
class _Memory:
    name: str
    count: int
    until: float


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class Events:
    """Tells of sources. It never raises: an event is not worth a failed look."""

    def __init__(self, kube: Kube, *, instance: str) -> None:
        self._kube = kube
        self._instance = instance
        self._memories: dict[str, _Memory] = {}
        self._buckets: dict[str, _Bucket] = {}

    async def tell(self, source: Manifest, tell: Tell) -> None:
        """Tell `tell` about `source`."""
        now = time.monotonic()
        if not self._may(source["metadata"]["uid"], now):
            logger.debug("Too many events, not told: %s", tell)
            return
        key = _digest(source, tell)
        try:
            memory = self._memories.get(key)
            if memory is None or now > memory.until or not await self._count_up(source, memory):
                self._remember(key, await self._first(source, tell), now)
        except KubeError as error:
            logger.warning("An event could not be written: %s", error)

    def forget(self, uid: str) -> None:
        """The object is gone."""
        self._buckets.pop(uid, None)

    async def _first(self, source: Manifest, tell: Tell) -> str:
        metadata, when = source["metadata"], _now()
        name = f"{metadata['name'][:200]}.{time.time_ns():x}"
        event: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": metadata["namespace"]},
            "involvedObject": {
                "apiVersion": source["apiVersion"],
                "kind": source["kind"],
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
                "resourceVersion": metadata.get("resourceVersion", ""),
            },
            "type": tell.type,
            "reason": tell.reason,
            "message": tell.message[:_LONGEST_MESSAGE],
            "count": 1,
            "firstTimestamp": when,
            "lastTimestamp": when,
            "source": {"component": COMPONENT},
            "reportingComponent": COMPONENT,
            "reportingInstance": self._instance,
        }
        await self._kube.create(EVENTS, event)
        return name

    async def _count_up(self, source: Manifest, memory: _Memory) -> bool:
        """Whether the event is still there to be counted up."""
        patch = {"count": memory.count + 1, "lastTimestamp": _now()}
        try:
            await self._kube.merge(EVENTS, source["metadata"]["namespace"], memory.name, patch, manager=COMPONENT)
        except KubeError as error:
            if error.code == HTTPStatus.NOT_FOUND:
                return False
            raise
        memory.count += 1
        return True

    def _remember(self, key: str, name: str, now: float) -> None:
        if len(self._memories) >= _MOST_MEMORIES:
            self._memories = {key: kept for key, kept in self._memories.items() if kept.until > now}
        if len(self._memories) < _MOST_MEMORIES:
            self._memories[key] = _Memory(name=name, count=1, until=now + REPEAT_SECONDS)

    def _may(self, uid: str, now: float) -> bool:
        """Whether one more event about the object is allowed: a burst, then one at each refill."""
        bucket = self._buckets.setdefault(uid, _Bucket(left=BURST, at=now))
        bucket.left = min(BURST, bucket.left + (now - bucket.at) / REFILL_SECONDS)
        bucket.at = now
        if bucket.left < 1:
            return False
        bucket.left -= 1
        return True


def _digest(source: Manifest, tell: Tell) -> str:
    parts = "\0".join((source["metadata"]["uid"], tell.type, tell.reason, tell.message))
    return hashlib.sha256(parts.encode()).hexdigest()


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
