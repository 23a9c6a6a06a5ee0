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

from sluice_operator.kubernetes.client import CONFIG_MAPS, EVENTS, SECRETS, Kube, KubeError, Manifest
from sluice_operator.observed.facts import PodEvent, PodFacts, StartFacts
from sluice_operator.observed.pod_events import newest_warning
from sluice_operator.observed.pod_references import Reference, pull_secrets, references
from sluice_operator.reconcile.reconciliation import Look

logger = logging.getLogger(__name__)

_APIS: Final = {"Secret": SECRETS, "ConfigMap": CONFIG_MAPS}
_REFERENCES_SECONDS: Final = 2.0
_EVENTS_AFTER_SECONDS: Final = 5.0
_EVENTS_SECONDS: Final = 15.0
_FORBIDDEN_SECONDS: Final = 300.0
_NOT_THERE: Final = re.compile(r'"([^"]+)" not found|references non-existent')


@dataclass(slots=True)
class _Waiting:
    since: float = field(default_factory=time.monotonic)
    """When it was first seen to wait, on the monotonic clock."""
    read: float = 0.0
    asked: float = 0.0
    facts: StartFacts = field(default_factory=StartFacts)


class Starting:
    """Finds out what pods wait for."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._waiting: dict[str, _Waiting] = {}  # by the uid of the pod
        self._forbidden: dict[str, float] = {}  # by namespace, until when Events are not asked for

    async def facts(
        self, look: Look, pods: Sequence[Manifest], facts: Sequence[PodFacts], *, now: datetime
    ) -> StartFacts:
        """What the newest of `pods` waits for, if it waits: `facts` are theirs. Never raises for what the API server
        does.
        """
        newest = max((pod for pod in facts if not pod.leaving), key=lambda pod: pod.created, default=None)
        self._waiting = {uid: one for uid, one in self._waiting.items() if one.read > time.monotonic() - 3600}
        if newest is None or newest.running_since is not None:
            for pod in facts:
                self._waiting.pop(pod.uid, None)
            return StartFacts()
        manifest = next(pod for pod in pods if pod["metadata"]["uid"] == newest.uid)
        waiting, monotonic = self._waiting.setdefault(newest.uid, _Waiting()), time.monotonic()
        try:
            async with look.step():
                if monotonic - waiting.read >= _REFERENCES_SECONDS:
                    waiting.read = monotonic
                    waiting.facts = await self._read(manifest, newest, waiting.facts.event)
                is_late = monotonic - waiting.since >= _EVENTS_AFTER_SECONDS
                if is_late and monotonic - waiting.asked >= _EVENTS_SECONDS:
                    waiting.asked = monotonic
                    event = await self._ask(manifest, now=now)
                    waiting.facts = StartFacts(missing=waiting.facts.missing, hints=waiting.facts.hints, event=event)
        except KubeError as error:
            logger.debug("What the pod %s waits for can't be told: %s", newest.name, error)
        return _without_healed(waiting.facts, references(manifest))

    async def _read(self, pod: Manifest, facts: PodFacts, event: PodEvent | None) -> StartFacts:
        if facts.is_being_made:
            return StartFacts(missing=await self._missing(pod, references(pod)), event=event)
        return StartFacts(hints=await self._missing(pod, pull_secrets(pod)), event=event)

    async def _missing(self, pod: Manifest, needed: Sequence[Reference]) -> tuple[str, ...]:
        """What of `needed` is not there. What can't be read for want of a right is not known to be missing."""
        lacks = []
        for one in needed:
            try:
                found = await self._kube.get(_APIS[one.kind], pod["metadata"]["namespace"], one.name)
            except KubeError as error:
                if not error.is_refusal:
                    raise
                continue
            lacks += [text] if (text := one.lacks(found)) else []
        return tuple(lacks)

    async def _ask(self, pod: Manifest, *, now: datetime) -> PodEvent | None:
        metadata = pod["metadata"]
        namespace = metadata["namespace"]
        if time.monotonic() < self._forbidden.get(namespace, 0.0):
            return None
        try:
            found = await self._kube.list(EVENTS, namespace, fields=f"involvedObject.uid={metadata['uid']}")
        except KubeError as error:
            if not error.is_refusal:
                raise
            self._forbidden[namespace] = time.monotonic() + _FORBIDDEN_SECONDS
            logger.info("%s: Events can't be read, which would tell why a pod does not start: %s", namespace, error)
            return None
        return newest_warning(found.items, scheduled=bool(pod["spec"].get("nodeName")), now=now)


def _without_healed(facts: StartFacts, needed: Sequence[Reference]) -> StartFacts:
    """`facts` without the Event that tells of an object that is there by now: the kubelet has not tried again yet."""
    event = facts.event
    if facts.missing or event is None or not _NOT_THERE.search(event.message):
        return facts
    names = [one.name for one in needed]
    healed = any(f'"{name}"' in event.message for name in names) or "non-existent" in event.message
    return StartFacts(hints=facts.hints) if healed else facts
