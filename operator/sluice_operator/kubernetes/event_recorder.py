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

from sluice_common.truncate import one_line, truncate_middle
from sluice_operator.kubernetes.client import EVENTS, ApiError, KubernetesClient, Manifest
from sluice_operator.kubernetes.event_budget import PendingEvent, PendingEvents
from sluice_operator.kubernetes.workqueue import backoff_seconds
from sluice_operator.status.transitions import Event

logger = logging.getLogger(__name__)

COMPONENT: Final = "sluice-operator"
AGGREGATION_SECONDS: Final = 3000.0  # an API server keeps events for an hour
MAX_MESSAGES_PER_REASON: Final = 5
"""So many events of one reason stand side by side; what comes in other words counts up the one told last."""
_MAX_MESSAGE_LENGTH: Final = 1000
_RETRY_SECONDS: Final = 1.0
_MAX_RETRY_SECONDS: Final = 5.0


@dataclass(slots=True)
class _WrittenEvent:
    name: str
    message: str
    count: int
    expires_at: float


class _ObjectEvents:
    """What was told of one object, and what is still to be told."""

    def __init__(self) -> None:
        self.written: dict[str, list[_WrittenEvent]] = {}
        """By reason, the one told last at the end."""
        self.pending = PendingEvents()
        self.failures = 0
        self.retry_at = 0.0


class EventRecorder:
    """Tells of sources. It never raises: an event is not worth a failed look."""

    def __init__(self, client: KubernetesClient, *, instance: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._instance = instance
        self._clock = clock
        self._objects: dict[str, _ObjectEvents] = {}  # by uid

    async def record(self, source: Manifest, event: Event) -> None:
        """Tell `tell` about `source`, now or as soon as that is possible."""
        known = self._objects.setdefault(source["metadata"]["uid"], _ObjectEvents())
        known.pending.add(event, datetime.now(UTC))
        # At once, whatever has failed before, and once more if that fails: there may be no later look at it.
        error = await self._write_pending(source, known)
        if error is not None and not error.is_refusal:
            await asyncio.sleep(min(error.retry_after or _RETRY_SECONDS, _MAX_RETRY_SECONDS))
            await self._write_pending(source, known)

    async def write_pending(self, source: Manifest) -> None:
        """Tell what could not be told about `source` before. To be called at each look."""
        known = self._objects.get(source["metadata"]["uid"])
        if known is not None and known.pending and self._clock() >= known.retry_at:
            await self._write_pending(source, known)

    def drop_object(self, uid: str) -> None:
        """The object is gone."""
        self._objects.pop(uid, None)

    async def _write_pending(self, source: Manifest, state: _ObjectEvents) -> ApiError | None:
        """Write what waits, as far as there is room. What has kept the first from being written that could not be."""
        now = self._clock()
        for one in list(state.pending.in_order()):
            told = state.written[one.event.reason] = [
                memory for memory in state.written.get(one.event.reason, ()) if memory.expires_at > now
            ]
            if not state.pending.try_take(
                one.event.reason, now, is_repeat=_find_repeat(told, one.event.message) is not None
            ):
                continue
            try:
                await self._write(source, state, one, told, now)
            except ApiError as error:
                state.failures += 1
                state.retry_at = now + max(backoff_seconds(state.failures), error.retry_after)
                log = logger.warning if state.failures == 1 else logger.debug
                log("An event could not be written, it is tried again: %s", error)
                return error
            state.failures = 0
            state.pending.remove(one)
        return None

    async def _write(
        self, source: Manifest, state: _ObjectEvents, pending: PendingEvent, written: list[_WrittenEvent], now: float
    ) -> None:
        memory = _find_repeat(written, pending.event.message)
        is_counted = memory is not None and await self._count_up(source, memory, pending)
        if memory is not None and is_counted:
            newest = memory
        else:
            pending.name = pending.name or f"{source['metadata']['name'][:200]}.{time.time_ns():x}"
            newest = await self._create(source, pending, now)
        written[:] = [*(kept for kept in written if kept is not memory), newest]

    async def _create(self, source: Manifest, pending: PendingEvent, now: float) -> _WrittenEvent:
        metadata, tell = source["metadata"], pending.event
        event: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": pending.name, "namespace": metadata["namespace"]},
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
            "message": truncate_middle(one_line(tell.message), max_length=_MAX_MESSAGE_LENGTH),
            "count": pending.count,
            "firstTimestamp": _format_time(pending.first),
            "lastTimestamp": _format_time(pending.last),
            "source": {"component": COMPONENT},
            "reportingComponent": COMPONENT,
            "reportingInstance": self._instance,
        }
        try:
            await self._client.create(EVENTS, event)
        except ApiError as error:
            if error.code != HTTPStatus.CONFLICT:  # nobody else writes that name: only the answer was lost
                raise
        return _WrittenEvent(
            name=pending.name, message=tell.message, count=pending.count, expires_at=now + AGGREGATION_SECONDS
        )

    async def _count_up(self, source: Manifest, repeat: _WrittenEvent, pending: PendingEvent) -> bool:
        """Whether the event is still there to be counted up."""
        count, message = repeat.count + pending.count, pending.event.message
        patch: Manifest = {"count": count, "lastTimestamp": _format_time(pending.last)}
        if message != repeat.message:
            patch["message"] = truncate_middle(one_line(message), max_length=_MAX_MESSAGE_LENGTH)
        try:
            await self._client.merge_patch(
                EVENTS, source["metadata"]["namespace"], repeat.name, patch, manager=COMPONENT
            )
        except ApiError as error:
            if error.code == HTTPStatus.NOT_FOUND:
                return False
            raise
        repeat.count, repeat.message = count, message
        return True


def _find_repeat(written: Sequence[_WrittenEvent], message: str) -> _WrittenEvent | None:
    """The event to count up, if there is one."""
    same = next((memory for memory in written if memory.message == message), None)
    return written[-1] if same is None and len(written) >= MAX_MESSAGES_PER_REASON else same


def _format_time(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
