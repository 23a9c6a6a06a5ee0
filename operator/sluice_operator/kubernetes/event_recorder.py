"""The event recorder: it writes Kubernetes Events about sources, as Kubernetes' own controllers do.

- The count of an existing Event is increased instead of creating the same Event again.
- The number of Events with one reason and different messages is limited.
- Each object has a budget: see `event_budget`.

An Event that exceeds the budget, or that the API server did not accept, is written later, with the time at which it
happened. If the operator is killed between a status and its Events, they are lost: the next operator finds the new
status.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

from sluice_common.clock import Clock, SystemClock
from sluice_common.truncate import one_line, truncate_middle
from sluice_operator.kubernetes.api_resource import EVENTS, Manifest
from sluice_operator.kubernetes.errors import ApiError
from sluice_operator.kubernetes.event import Event, EventReasons
from sluice_operator.kubernetes.event_budget import PendingEvent, PendingEvents
from sluice_operator.kubernetes.protocols import EventWriter
from sluice_operator.kubernetes.workqueue import backoff_seconds

logger = logging.getLogger(__name__)

COMPONENT: Final = "sluice-operator"
AGGREGATION_SECONDS: Final = 3000.0
"""How long the count of an Event is increased. An API server keeps Events for an hour."""
MAX_MESSAGES_PER_REASON: Final = 5
"""The maximum number of Events with one reason and different messages. A further message increases the count of the
newest."""
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
    """The Events about one object: those that were written, and those that are pending."""

    def __init__(self, reasons: EventReasons) -> None:
        self.written: dict[str, list[_WrittenEvent]] = {}
        """By reason, the newest at the end."""
        self.pending = PendingEvents(reasons)
        self.failures = 0
        self.retry_at = 0.0


class EventRecorder:
    """Writes Events about sources. It never raises ApiError: a reconciliation must not fail for an Event."""

    def __init__(
        self, client: EventWriter, *, reasons: EventReasons, instance: str, clock: Clock | None = None
    ) -> None:
        """`instance` is the name of this process in Events."""
        self._client = client
        self._reasons = reasons
        self._instance = instance
        self._clock = clock or SystemClock()
        self._objects: dict[str, _ObjectEvents] = {}  # by uid

    async def record(self, source: Manifest, event: Event) -> None:
        """Write `event` about `source` now, or later if that fails."""
        state = self._objects.setdefault(source["metadata"]["uid"], _ObjectEvents(self._reasons))
        state.pending.add(event, self._clock.now())
        # One retry follows here at once, since there may be no later reconciliation of this source.
        error = await self._write_pending(source, state)
        if error is not None and not error.is_refusal:
            await self._clock.sleep(min(error.retry_after or _RETRY_SECONDS, _MAX_RETRY_SECONDS))
            await self._write_pending(source, state)

    async def write_pending(self, source: Manifest) -> None:
        """Write what could not be written about `source` before. To be called at each reconciliation."""
        state = self._objects.get(source["metadata"]["uid"])
        if state is not None and state.pending and self._clock.monotonic() >= state.retry_at:
            await self._write_pending(source, state)

    def has_pending(self, uid: str) -> bool:
        """Whether Events about the object of that uid are still to be written."""
        state = self._objects.get(uid)
        return state is not None and bool(state.pending)

    def drop_object(self, uid: str) -> None:
        """Drop everything about an object that is gone."""
        self._objects.pop(uid, None)

    async def _write_pending(self, source: Manifest, state: _ObjectEvents) -> ApiError | None:
        """Write the pending Events, as far as the budget allows. Stops at the first error, and returns it."""
        now = self._clock.monotonic()
        for pending in list(state.pending.in_order()):
            reason = pending.event.reason
            written = [one for one in state.written.get(reason, ()) if one.expires_at > now]
            state.written[reason] = written
            is_repeat = _find_repeat(written, pending.event.message) is not None
            if not state.pending.try_take(reason, now, is_repeat=is_repeat):
                continue
            try:
                await self._write(source, pending, written, now)
            except ApiError as error:
                state.failures += 1
                state.retry_at = now + max(backoff_seconds(state.failures), error.retry_after)
                log = logger.warning if state.failures == 1 else logger.debug
                log("An Event could not be written and is tried again: %s", error)
                return error
            state.failures = 0
            state.pending.remove(pending)
        return None

    async def _write(self, source: Manifest, pending: PendingEvent, written: list[_WrittenEvent], now: float) -> None:
        repeat = _find_repeat(written, pending.event.message)
        is_counted_up = repeat is not None and await self._count_up(source, repeat, pending)
        if repeat is not None and is_counted_up:
            newest = repeat
        else:
            pending.name = pending.name or f"{source['metadata']['name'][:200]}.{time.time_ns():x}"
            newest = await self._create(source, pending, now)
        written[:] = [*(one for one in written if one is not repeat), newest]

    async def _create(self, source: Manifest, pending: PendingEvent, now: float) -> _WrittenEvent:
        metadata, event = source["metadata"], pending.event
        manifest: dict[str, Any] = {
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
            "type": event.type,
            "reason": event.reason,
            "message": truncate_middle(one_line(event.message), max_length=_MAX_MESSAGE_LENGTH),
            "count": pending.count,
            "firstTimestamp": _format_time(pending.first),
            "lastTimestamp": _format_time(pending.last),
            "source": {"component": COMPONENT},
            "reportingComponent": COMPONENT,
            "reportingInstance": self._instance,
        }
        try:
            await self._client.create(EVENTS, manifest)
        except ApiError as error:
            if (
                error.code != HTTPStatus.CONFLICT
            ):  # the name is unique: an earlier attempt succeeded, its answer was lost
                raise
        return _WrittenEvent(
            name=pending.name, message=event.message, count=pending.count, expires_at=now + AGGREGATION_SECONDS
        )

    async def _count_up(self, source: Manifest, repeat: _WrittenEvent, pending: PendingEvent) -> bool:
        """Increase the count of an Event that was written. Returns whether it still exists."""
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
    """The Event whose count to increase instead of creating a new one, or None."""
    same_message = next((one for one in written if one.message == message), None)
    if same_message is None and len(written) >= MAX_MESSAGES_PER_REASON:
        return written[-1]
    return same_message


def _format_time(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
