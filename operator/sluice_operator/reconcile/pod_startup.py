"""Why a pod does not start, as far as Kubernetes knows: the objects that it names, and the Events about it.

Nothing is asked while pods run. What a pod names is looked at as long as it waits, and so are its Events when it has
waited for some seconds, slowly: most pods are up by then.
"""

import logging
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sluice_operator.kubernetes.client import CONFIG_MAPS, EVENTS, SECRETS, ApiError, KubernetesClient, Manifest
from sluice_operator.observed.facts import PodEvent, PodFacts, StartupFacts
from sluice_operator.observed.pod_events import newest_warning
from sluice_operator.observed.pod_references import ObjectReference, pull_secrets, references
from sluice_operator.reconcile.reconciliation import Reconciliation

logger = logging.getLogger(__name__)

_APIS: Final = {"Secret": SECRETS, "ConfigMap": CONFIG_MAPS}
_REFERENCES_SECONDS: Final = 2.0
_EVENTS_AFTER_SECONDS: Final = 5.0
_EVENTS_SECONDS: Final = 15.0
_FORBIDDEN_SECONDS: Final = 300.0
_NOT_FOUND: Final = re.compile(r'"([^"]+)" not found|references non-existent')


@dataclass(slots=True)
class _PendingPod:
    since: float = field(default_factory=time.monotonic)
    """When it was first seen to wait, on the monotonic clock."""
    references_read_at: float = 0.0
    events_read_at: float = 0.0
    facts: StartupFacts = field(default_factory=StartupFacts)


class StartupInspector:
    """Finds out what pods wait for."""

    def __init__(self, client: KubernetesClient) -> None:
        self._client = client
        self._pending: dict[str, _PendingPod] = {}  # by the uid of the pod
        self._forbidden_until: dict[str, float] = {}  # by namespace, until when Events are not asked for

    async def inspect(
        self, reconciliation: Reconciliation, pods: Sequence[Manifest], facts: Sequence[PodFacts], *, now: datetime
    ) -> StartupFacts:
        """What the newest of `pods` waits for, if it waits: `facts` are theirs. Never raises for what the API server
        does.
        """
        newest = max((pod for pod in facts if not pod.terminating), key=lambda pod: pod.created, default=None)
        self._pending = {
            uid: one for uid, one in self._pending.items() if one.references_read_at > time.monotonic() - 3600
        }
        if newest is None or newest.running_since is not None:
            for pod in facts:
                self._pending.pop(pod.uid, None)
            return StartupFacts()
        manifest = next(pod for pod in pods if pod["metadata"]["uid"] == newest.uid)
        waiting, monotonic = self._pending.setdefault(newest.uid, _PendingPod()), time.monotonic()
        try:
            async with reconciliation.api_timeout():
                if monotonic - waiting.references_read_at >= _REFERENCES_SECONDS:
                    waiting.references_read_at = monotonic
                    waiting.facts = await self._read_references(manifest, newest, waiting.facts.event)
                is_late = monotonic - waiting.since >= _EVENTS_AFTER_SECONDS
                if is_late and monotonic - waiting.events_read_at >= _EVENTS_SECONDS:
                    waiting.events_read_at = monotonic
                    event = await self._read_events(manifest, now=now)
                    waiting.facts = StartupFacts(missing=waiting.facts.missing, hints=waiting.facts.hints, event=event)
        except ApiError as error:
            logger.debug("What the pod %s waits for can't be told: %s", newest.name, error)
        return _without_outdated_event(waiting.facts, references(manifest))

    async def _read_references(self, pod: Manifest, facts: PodFacts, event: PodEvent | None) -> StartupFacts:
        if facts.is_container_creating:
            return StartupFacts(missing=await self._missing(pod, references(pod)), event=event)
        return StartupFacts(hints=await self._missing(pod, pull_secrets(pod)), event=event)

    async def _missing(self, pod: Manifest, needed: Sequence[ObjectReference]) -> tuple[str, ...]:
        """What of `needed` is not there. What can't be read for want of a right is not known to be missing."""
        lacks = []
        for one in needed:
            try:
                found = await self._client.get(_APIS[one.kind], pod["metadata"]["namespace"], one.name)
            except ApiError as error:
                if not error.is_refusal:
                    raise
                continue
            lacks += [text] if (text := one.missing(found)) else []
        return tuple(lacks)

    async def _read_events(self, pod: Manifest, *, now: datetime) -> PodEvent | None:
        metadata = pod["metadata"]
        namespace = metadata["namespace"]
        if time.monotonic() < self._forbidden_until.get(namespace, 0.0):
            return None
        try:
            found = await self._client.list(EVENTS, namespace, field_selector=f"involvedObject.uid={metadata['uid']}")
        except ApiError as error:
            if not error.is_refusal:
                raise
            self._forbidden_until[namespace] = time.monotonic() + _FORBIDDEN_SECONDS
            logger.info("%s: Events can't be read, which would tell why a pod does not start: %s", namespace, error)
            return None
        return newest_warning(found.items, scheduled=bool(pod["spec"].get("nodeName")), now=now)


def _without_outdated_event(facts: StartupFacts, needed: Sequence[ObjectReference]) -> StartupFacts:
    """`facts` without the Event that tells of an object that is there by now: the kubelet has not tried again yet."""
    event = facts.event
    if facts.missing or event is None or not _NOT_FOUND.search(event.message):
        return facts
    names = [one.name for one in needed]
    healed = any(f'"{name}"' in event.message for name in names) or "non-existent" in event.message
    return StartupFacts(hints=facts.hints) if healed else facts
