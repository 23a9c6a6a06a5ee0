"""Keeping the children of a source as they should be: written when something differs, and only then."""

import logging
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sluice_operator.api.source import Source
from sluice_operator.desired.drift import covers, removal_patch
from sluice_operator.desired.manifest import belongs_to, is_remnant
from sluice_operator.desired.naming import DESIRED_HASH_ANNOTATION, FIELD_MANAGER
from sluice_operator.kube import Api, Kube, KubeError, Manifest
from sluice_operator.observed.facts import Refusal
from sluice_operator.status.changes import Tell
from sluice_operator.status.reasons import Happening, Reason

logger = logging.getLogger(__name__)

REFUSED_SECONDS: Final = 30.0
"""For how long what was refused is not tried again, unless something else is wanted, or there."""
CONTESTED_WRITES: Final = 20
CONTESTED_SECONDS: Final = 60.0
"""More writes than that in so many seconds mean that somebody else wants it otherwise."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What has become of one child."""

    live: Manifest | None
    """The child as it is now, if it is there."""
    tell: Tell | None = None
    refusal: Refusal | None = None


@dataclass(slots=True)
class _Refused:
    stamp: str
    generation: int
    """Of what was there: a write may be refused because somebody had changed that meanwhile."""
    until: float
    refusal: Refusal


class Children:
    """Writes children. It remembers, for as long as the process lives, what it should not try at once
    again.
    """

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._refused: dict[str, _Refused] = {}
        self._writes: dict[str, tuple[str, deque[float]]] = {}
        """By path, what was wanted and when it was written."""
        self._told: set[str] = set()

    async def ensure(self, api: Api, wanted: Manifest, *, live: Manifest | None, source: Source) -> Outcome:
        """Make the child be as `wanted`; `live` is what it is. Raises KubeError if a new try may help."""
        if live is not None:
            own = {"kind": type(source).__name__, "name": source.metadata.name, "uid": source.metadata.uid}
            if is_remnant(live, **own):
                return Outcome(live=None, refusal=_leaving(live))
            if not belongs_to(live, **own):
                return Outcome(live=None, refusal=_conflict(live))
            # One that is being deleted is made anew when its end is seen.
            if "deletionTimestamp" in live["metadata"] or covers(live, wanted):
                return Outcome(live=live)
        path, stamp = api.path(wanted["metadata"]["namespace"], wanted["metadata"]["name"]), _stamp(wanted)
        if refusal := self._still_refused(path, stamp, live):
            return Outcome(live=live, refusal=refusal)
        if live is not None and self._is_contested(path, stamp):
            return Outcome(live=live, tell=self._tell_contested(path, wanted))
        return await self._write(api, wanted, path=path, live=live, source=source)

    async def _write(self, api: Api, wanted: Manifest, *, path: str, live: Manifest | None, source: Source) -> Outcome:
        try:
            if live is not None and (removal := removal_patch(live, wanted)):
                namespace, name = wanted["metadata"]["namespace"], wanted["metadata"]["name"]
                await self._kube.merge(api, namespace, name, removal, manager=FIELD_MANAGER)
            written = await self._kube.apply(api, wanted, manager=FIELD_MANAGER)
        except KubeError as error:
            if not error.is_refusal:
                raise
            return Outcome(live=live, refusal=self._refuse(path, wanted, live, error))
        self._refused.pop(path, None)
        self._told.discard(path)
        self._note_write(path, _stamp(wanted))
        tell = _tell(wanted, live=live, source=source)
        logger.info("%s/%s: %s", source.metadata.namespace, source.metadata.name, tell.message)
        return Outcome(live=written, tell=tell)

    async def remove(self, api: Api, live: Manifest) -> Tell | None:
        """Delete a child that is wanted no longer. Raises KubeError if a new try may help."""
        metadata = live["metadata"]
        try:
            was_there = await self._kube.delete(api, metadata["namespace"], metadata["name"], uid=metadata["uid"])
        except KubeError as error:
            if not error.is_refusal:
                raise
            logger.warning("%s is wanted no longer and can't be deleted: %s", _name(live), error)
            return None
        message = f"Deleted {_name(live)}, which is wanted no longer"
        return Tell(type="Normal", reason=Happening.DELETED, message=message) if was_there else None

    def forget(self, api: Api, namespace: str, name: str) -> None:
        """Drop what is remembered of a child that is gone for good."""
        path = api.path(namespace, name)
        self._refused.pop(path, None)
        self._writes.pop(path, None)
        self._told.discard(path)

    def _still_refused(self, path: str, stamp: str, live: Manifest | None) -> Refusal | None:
        memory = self._refused.get(path)
        if memory is None or time.monotonic() >= memory.until:
            return None
        if (memory.stamp, memory.generation) != (stamp, _generation(live)):
            return None
        return memory.refusal

    def _refuse(self, path: str, wanted: Manifest, live: Manifest | None, error: KubeError) -> Refusal:
        message = f"The API server refuses {_name(wanted)}: {error.message}; mend the spec, or what forbids it"
        refusal = Refusal(reason=Reason.CHILD_REFUSED, message=message)
        until = time.monotonic() + REFUSED_SECONDS
        self._refused[path] = _Refused(stamp=_stamp(wanted), generation=_generation(live), until=until, refusal=refusal)
        logger.warning("%s", message)
        return refusal

    def _note_write(self, path: str, stamp: str) -> None:
        of, times = self._writes.get(path, ("", deque[float]()))
        if of != stamp:  # what is wanted otherwise is not contested yet
            times = deque(maxlen=CONTESTED_WRITES)
        times.append(time.monotonic())
        self._writes[path] = stamp, times

    def _is_contested(self, path: str, stamp: str) -> bool:
        of, times = self._writes.get(path, ("", deque[float]()))
        if of != stamp or len(times) < CONTESTED_WRITES:
            return False
        return time.monotonic() - times[0] < CONTESTED_SECONDS

    def _tell_contested(self, path: str, wanted: Manifest) -> Tell | None:
        if path in self._told:
            return None
        self._told.add(path)
        message = (
            f"{_name(wanted)} is changed by somebody else again and again; it is left as it is for a while: "
            "find out who else manages it, `kubectl get --show-managed-fields` tells"
        )
        logger.warning("%s", message)
        return Tell(type="Warning", reason=Happening.CHILD_CONTESTED, message=message)


def _tell(wanted: Manifest, *, live: Manifest | None, source: Source) -> Tell:
    name = _name(wanted)
    # There was a pod, so there was all that it needs.
    seen_before = source.status.image is not None
    if live is None and not seen_before:
        return Tell(type="Normal", reason=Happening.CREATED, message=f"Created {name}")
    if live is None:
        return Tell(type="Warning", reason=Happening.CHILD_RESTORED, message=f"Put back {name}: it was deleted")
    if _stamp(live) == _stamp(wanted):
        message = f"Put back {name}: somebody had changed it"
        return Tell(type="Warning", reason=Happening.CHILD_RESTORED, message=message)
    return Tell(type="Normal", reason=Happening.UPDATED, message=f"Updated {name}")


def _conflict(live: Manifest) -> Refusal:
    message = f"{_name(live)} exists and belongs to somebody else: rename this resource, or delete that object"
    return Refusal(reason=Reason.CHILD_CONFLICT, message=message)


def _leaving(live: Manifest) -> Refusal:
    message = (
        f"{_name(live)} is that of a former resource of this kind and name: it is made anew when the garbage collector "
        "has removed that"
    )
    return Refusal(reason=Reason.PROGRESSING, message=message, passes=True)


def _stamp(manifest: Mapping[str, Any]) -> str:
    return str((manifest["metadata"].get("annotations") or {}).get(DESIRED_HASH_ANNOTATION, ""))


def _generation(live: Manifest | None) -> int:
    return int(live["metadata"].get("generation", 0)) if live else 0


def _name(manifest: Mapping[str, Any]) -> str:
    return f"{manifest['kind']} {manifest['metadata']['name']}"
