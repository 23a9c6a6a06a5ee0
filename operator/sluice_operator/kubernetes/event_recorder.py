"""Kubernetes Events: what a user would want to know, once, however often it happens.

The same event about the same object counts up for as long as the API server keeps it, events that differ in their
words alone are few, and one object can't flood the others: as kubectl and its users know it from Kubernetes' own
controllers. What has no room, or what the API server did not take, is told later, with the time at which it happened:
see `untold`.

An operator that is killed between a status and its Events does not tell them: the next one finds the status as it is.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

from sluice_common.truncate import one_line, shortened
from sluice_operator.kubernetes.client import EVENTS, Kube, KubeError, Manifest
from sluice_operator.kubernetes.event_budget import Untold, Waiting
from sluice_operator.kubernetes.workqueue import backoff_seconds
from sluice_operator.status.transitions import Tell

logger = logging.getLogger(__name__)

COMPONENT: Final = "sluice-operator"
REPEAT_SECONDS: Final = 3000.0  # an API server keeps events for an hour
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


class _Object:
    """What was told of one object, and what is still to be told."""

    def __init__(self) -> None:
        self.told: dict[str, list[_Memory]] = {}
        """By reason, the one told last at the end."""
        self.untold = Untold()
        self.failures = 0
        self.again_at = 0.0


class Events:
    """Tells of sources. It never raises: an event is not worth a failed look."""

    def __init__(self, kube: Kube, *, instance: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._kube = kube
        self._instance = instance
        self._clock = clock
        self._objects: dict[str, _Object] = {}  # by uid

    async def tell(self, source: Manifest, tell: Tell) -> None:
        """Tell `tell` about `source`, now or as soon as that is possible."""
        known = self._objects.setdefault(source["metadata"]["uid"], _Object())
        known.untold.add(tell, datetime.now(UTC))
        # At once, whatever has failed before, and once more if that fails: there may be no later look at it.
        error = await self._write_all(source, known)
        if error is not None and not error.is_refusal:
            await asyncio.sleep(min(error.retry_after or _AGAIN_SECONDS, _PATIENCE_SECONDS))
            await self._write_all(source, known)

    async def catch_up(self, source: Manifest) -> None:
        """Tell what could not be told about `source` before. To be called at each look."""
        known = self._objects.get(source["metadata"]["uid"])
        if known is not None and known.untold and self._clock() >= known.again_at:
            await self._write_all(source, known)

    def forget(self, uid: str) -> None:
        """The object is gone."""
        self._objects.pop(uid, None)

    async def _write_all(self, source: Manifest, known: _Object) -> KubeError | None:
        """Write what waits, as far as there is room. What has kept the first from being written that could not be."""
        now = self._clock()
        for one in list(known.untold.due()):
            told = known.told[one.tell.reason] = [
                memory for memory in known.told.get(one.tell.reason, ()) if memory.until > now
            ]
            if not known.untold.take_room(one.tell.reason, now, is_repeat=_fitting(told, one.tell.message) is not None):
                continue
            try:
                await self._write(source, known, one, told, now)
            except KubeError as error:
                known.failures += 1
                known.again_at = now + max(backoff_seconds(known.failures), error.retry_after)
                log = logger.warning if known.failures == 1 else logger.debug
                log("An event could not be written, it is tried again: %s", error)
                return error
            known.failures = 0
            known.untold.told(one)
        return None

    async def _write(self, source: Manifest, known: _Object, one: Waiting, told: list[_Memory], now: float) -> None:
        memory = _fitting(told, one.tell.message)
        is_counted = memory is not None and await self._count_up(source, memory, one)
        if memory is not None and is_counted:
            newest = memory
        else:
            one.name = one.name or f"{source['metadata']['name'][:200]}.{time.time_ns():x}"
            newest = await self._first(source, one, now)
        told[:] = [*(kept for kept in told if kept is not memory), newest]

    async def _first(self, source: Manifest, one: Waiting, now: float) -> _Memory:
        metadata, tell = source["metadata"], one.tell
        event: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": one.name, "namespace": metadata["namespace"]},
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
            "count": one.count,
            "firstTimestamp": _time(one.first),
            "lastTimestamp": _time(one.at),
            "source": {"component": COMPONENT},
            "reportingComponent": COMPONENT,
            "reportingInstance": self._instance,
        }
        try:
            await self._kube.create(EVENTS, event)
        except KubeError as error:
            if error.code != HTTPStatus.CONFLICT:  # nobody else writes that name: only the answer was lost
                raise
        return _Memory(name=one.name, message=tell.message, count=one.count, until=now + REPEAT_SECONDS)

    async def _count_up(self, source: Manifest, memory: _Memory, one: Waiting) -> bool:
        """Whether the event is still there to be counted up."""
        count, message = memory.count + one.count, one.tell.message
        patch: Manifest = {"count": count, "lastTimestamp": _time(one.at)}
        if message != memory.message:
            patch["message"] = shortened(one_line(message), most=_LONGEST_MESSAGE)
        try:
            await self._kube.merge(EVENTS, source["metadata"]["namespace"], memory.name, patch, manager=COMPONENT)
        except KubeError as error:
            if error.code == HTTPStatus.NOT_FOUND:
                return False
            raise
        memory.count, memory.message = count, message
        return True


def _fitting(told: Sequence[_Memory], message: str) -> _Memory | None:
    """The event to count up, if there is one."""
    same = next((memory for memory in told if memory.message == message), None)
    return told[-1] if same is None and len(told) >= MOST_WORDINGS else same


def _time(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
