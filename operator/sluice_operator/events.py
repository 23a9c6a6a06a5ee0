"""Kubernetes Events: what a user would want to know, once, however often it happens.

The same event about the same object counts up for as long as the API server keeps it, events that differ in their
words alone are few, and one object can't flood the others: as kubectl and its users know it from Kubernetes' own
controllers.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

from sluice_operator.kube import EVENTS, Kube, KubeError, Manifest
from sluice_operator.status.changes import Tell
from sluice_operator.words import one_line, shortened

logger = logging.getLogger(__name__)

COMPONENT: Final = "sluice-operator"
REPEAT_SECONDS: Final = 3000.0  # an API server keeps events for an hour
BURST: Final = 25
REFILL_SECONDS: Final = 30.0
MOST_WORDINGS: Final = 5
"""So many events of one reason stand side by side; what comes in other words counts up the one told last."""
_LONGEST_MESSAGE: Final = 1000
_AGAIN_SECONDS: Final = 1.0
_PATIENCE_SECONDS: Final = 5.0


@dataclass(slots=True)
class _Memory:
    name: str
    message: str
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
        self._told: dict[str, dict[str, list[_Memory]]] = {}
        """By the uid of the object and by reason, the one told last at the end."""
        self._buckets: dict[str, _Bucket] = {}

    async def tell(self, source: Manifest, tell: Tell) -> None:
        """Tell `tell` about `source`."""
        now = time.monotonic()
        if not self._may(source["metadata"]["uid"], now):
            logger.debug("Too many events, not told: %s", tell)
            return
        name = f"{source['metadata']['name'][:200]}.{time.time_ns():x}"
        for is_last in (False, True):
            try:
                await self._write(source, tell, now, name=name)
            except KubeError as error:
                if is_last or error.is_refusal:
                    logger.warning("An event could not be written: %s", error)
                    return
                # The status that tells of it is written already: what is not told now will never be.
                await asyncio.sleep(min(error.retry_after or _AGAIN_SECONDS, _PATIENCE_SECONDS))
            else:
                return

    def forget(self, uid: str) -> None:
        """The object is gone."""
        self._buckets.pop(uid, None)
        self._told.pop(uid, None)

    async def _write(self, source: Manifest, tell: Tell, now: float, *, name: str) -> None:
        reasons = self._told.setdefault(source["metadata"]["uid"], {})
        told = reasons[tell.reason] = [memory for memory in reasons.get(tell.reason, ()) if memory.until > now]
        memory = _fitting(told, tell.message)
        is_counted = memory is not None and await self._count_up(source, memory, tell)
        newest = memory if memory is not None and is_counted else await self._first(source, tell, now, name=name)
        told[:] = [*(one for one in told if one is not memory), newest]

    async def _first(self, source: Manifest, tell: Tell, now: float, *, name: str) -> _Memory:
        metadata, when = source["metadata"], _now()
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
            "message": shortened(one_line(tell.message), most=_LONGEST_MESSAGE),
            "count": 1,
            "firstTimestamp": when,
            "lastTimestamp": when,
            "source": {"component": COMPONENT},
            "reportingComponent": COMPONENT,
            "reportingInstance": self._instance,
        }
        try:
            await self._kube.create(EVENTS, event)
        except KubeError as error:
            if error.code != HTTPStatus.CONFLICT:  # nobody else writes that name: only the answer was lost
                raise
        return _Memory(name=name, message=tell.message, count=1, until=now + REPEAT_SECONDS)

    async def _count_up(self, source: Manifest, memory: _Memory, tell: Tell) -> bool:
        """Whether the event is still there to be counted up."""
        patch: Manifest = {"count": memory.count + 1, "lastTimestamp": _now()}
        if tell.message != memory.message:
            patch["message"] = shortened(one_line(tell.message), most=_LONGEST_MESSAGE)
        try:
            await self._kube.merge(EVENTS, source["metadata"]["namespace"], memory.name, patch, manager=COMPONENT)
        except KubeError as error:
            if error.code == HTTPStatus.NOT_FOUND:
                return False
            raise
        memory.count, memory.message = memory.count + 1, tell.message
        return True

    def _may(self, uid: str, now: float) -> bool:
        """Whether one more event about the object is allowed: a burst, then one at each refill."""
        bucket = self._buckets.setdefault(uid, _Bucket(left=BURST, at=now))
        bucket.left = min(BURST, bucket.left + (now - bucket.at) / REFILL_SECONDS)
        bucket.at = now
        if bucket.left < 1:
            return False
        bucket.left -= 1
        return True


def _fitting(told: Sequence[_Memory], message: str) -> _Memory | None:
    """The event to count up, if there is one."""
    same = next((memory for memory in told if memory.message == message), None)
    return told[-1] if same is None and len(told) >= MOST_WORDINGS else same


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
