"""Why a pod does not start: the objects that it references, and the Events about it.

Nothing is read while pods run. The Events of a pending pod are read some seconds later, since most pods run by then. If
many pods are pending, their Events are read one after the other.
"""

import logging
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from sluice_common.clock import Clock
from sluice_operator.kubernetes.api_resource import CONFIG_MAPS, EVENTS, SECRETS, Manifest
from sluice_operator.kubernetes.client import KubernetesClient
from sluice_operator.kubernetes.errors import ApiError
from sluice_operator.kubernetes.event_budget import TokenBucket
from sluice_operator.kubernetes.object_poller import ObjectPoller
from sluice_operator.kubernetes.protocols import ObjectReader
from sluice_operator.observed.facts.pod import PodFacts
from sluice_operator.observed.facts.startup import PodEvent, StartupFacts
from sluice_operator.observed.pod_events import newest_warning
from sluice_operator.observed.pod_references import ObjectReference, pull_secrets, references
from sluice_operator.reconcile.keys import source_key
from sluice_operator.reconcile.reconciliation import Reconciliation
from sluice_operator.reconcile.source_memory import PendingPod

logger = logging.getLogger(__name__)

_RESOURCES: Final = {"Secret": SECRETS, "ConfigMap": CONFIG_MAPS}
_EVENTS_AFTER_SECONDS: Final = 5.0
_EVENTS_INTERVAL_SECONDS: Final = 15.0
_EVENT_LISTS: Final = 10.0
"""How many lists of Events are sent at once, at most."""
_SECONDS_PER_EVENT_LIST: Final = 0.2
_FORBIDDEN_SECONDS: Final = 300.0
_PENDING_POD_TTL_SECONDS: Final = 3600.0
_NOT_FOUND: Final = re.compile(r'"([^"]+)" not found|references non-existent')


class StartupInspector:
    """Finds the reason why pods do not start."""

    def __init__(self, client: KubernetesClient, objects: ObjectPoller, clock: Clock) -> None:
        self._client = client
        self._objects = objects
        self._clock = clock
        self._event_lists = TokenBucket(
            burst=_EVENT_LISTS,
            refill_seconds=_SECONDS_PER_EVENT_LIST,
            tokens=_EVENT_LISTS,
            updated_at=clock.monotonic(),
        )
        self._forbidden_until: dict[str, float] = {}  # by namespace, until when Events are not read

    async def inspect(
        self, run: Reconciliation, pods: Sequence[Manifest], facts: Sequence[PodFacts], *, now: datetime
    ) -> StartupFacts:
        """What the newest of `pods` waits for, if it does not run. `facts` are those of `pods`.

        Never raises ApiError: objects that can't be read are left out.
        """
        pending, monotonic = run.memory.pending_pods, self._clock.monotonic()
        for uid, one in list(pending.items()):
            if one.seen_at <= monotonic - _PENDING_POD_TTL_SECONDS:
                del pending[uid]
        newest = max((pod for pod in facts if not pod.terminating), key=lambda pod: pod.created, default=None)
        if newest is None or newest.running_since is not None:
            for pod in facts:
                pending.pop(pod.uid, None)
            return StartupFacts()
        manifest = next(pod for pod in pods if pod["metadata"]["uid"] == newest.uid)
        known = pending.setdefault(newest.uid, PendingPod(since=monotonic))
        known.seen_at = monotonic
        try:
            async with run.api_timeout():
                await self._update(known, manifest, newest, run, now=now)
        except ApiError as error:
            logger.debug("What the pod %s waits for can't be read: %s", newest.name, error)
        return _without_outdated_event(known.facts, references(manifest))

    async def _update(
        self, known: PendingPod, manifest: Manifest, facts: PodFacts, run: Reconciliation, *, now: datetime
    ) -> None:
        """Read what the pod references, and its Events if they are due. Raises ApiError."""
        monotonic, reader = self._clock.monotonic(), self._objects.reader(source_key(run.source))
        event = known.facts.event
        if facts.is_container_creating:
            known.facts = StartupFacts(missing=await _missing(reader, manifest, references(manifest)), event=event)
        else:
            known.facts = StartupFacts(hints=await _missing(reader, manifest, pull_secrets(manifest)), event=event)
        due_at = max(known.since + _EVENTS_AFTER_SECONDS, known.events_read_at + _EVENTS_INTERVAL_SECONDS)
        if monotonic >= due_at and self._event_lists.take(1.0, monotonic):
            known.events_read_at = monotonic
            known.facts = replace(known.facts, event=await self._read_events(manifest, now=now))
            due_at = monotonic + _EVENTS_INTERVAL_SECONDS
        run.retry_within(max(_SECONDS_PER_EVENT_LIST * _EVENT_LISTS, due_at - monotonic))

    async def _read_events(self, pod: Manifest, *, now: datetime) -> PodEvent | None:
        metadata = pod["metadata"]
        namespace = metadata["namespace"]
        if self._clock.monotonic() < self._forbidden_until.get(namespace, 0.0):
            return None
        try:
            found = await self._client.list(EVENTS, namespace, field_selector=f"involvedObject.uid={metadata['uid']}")
        except ApiError as error:
            if not error.is_refusal:
                raise
            self._forbidden_until[namespace] = self._clock.monotonic() + _FORBIDDEN_SECONDS
            logger.info(
                "%s: the operator may not read Events, which say why a pod does not start: %s", namespace, error
            )
            return None
        return newest_warning(found.items, scheduled=bool(pod["spec"].get("nodeName")), now=now)


async def _missing(reader: ObjectReader, pod: Manifest, needed: Sequence[ObjectReference]) -> tuple[str, ...]:
    """The messages about those of `needed` that don't exist. An object that the operator may not read counts as
    existing.
    """
    missing = []
    for one in needed:
        try:
            found = await reader.get(_RESOURCES[one.kind], pod["metadata"]["namespace"], one.name)
        except ApiError as error:
            if not error.is_refusal:
                raise
            continue
        missing += [text] if (text := one.missing(found)) else []
    return tuple(missing)


def _without_outdated_event(facts: StartupFacts, needed: Sequence[ObjectReference]) -> StartupFacts:
    """`facts` without an Event about a missing object that exists by now. The kubelet has not tried again yet."""
    event = facts.event
    if facts.missing or event is None or not _NOT_FOUND.search(event.message):
        return facts
    names = [one.name for one in needed]
    is_outdated = any(f'"{name}"' in event.message for name in names) or "non-existent" in event.message
    return StartupFacts(hints=facts.hints) if is_outdated else facts
