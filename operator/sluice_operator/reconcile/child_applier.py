"""Keeping the children of a source as they should be: written when something differs, and only then.

What the operator makes is whole: a field that somebody else has set in it goes. It is asked by a dry run first what
the API server would make of the object: what comes back there is admission's, and is left. What somebody sets again
and again is left as well, with growing pauses: see `contests`.
"""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sluice_operator.api.conditions import ConditionType
from sluice_operator.api.source import Source
from sluice_operator.desired.child_metadata import belongs_to, is_made_by_us, is_remnant
from sluice_operator.desired.diff import Difference, differences
from sluice_operator.desired.field_descriptions import places, told
from sluice_operator.desired.field_paths import value_at
from sluice_operator.desired.naming import DESIRED_HASH_ANNOTATION, FIELD_MANAGER
from sluice_operator.desired.replacement import replacement
from sluice_operator.kubernetes.client import SECRETS, Api, Kube, KubeError, Manifest
from sluice_operator.observed.contested_messages import by_deletion, is_held_by_others, who_set
from sluice_operator.observed.facts import Contest, Refusal
from sluice_operator.observed.field_managers import names_of
from sluice_operator.reconcile.applied_children import Memory, Refused
from sluice_operator.reconcile.child_errors import conflict, deleted_again, leaving, name_of, refused
from sluice_operator.reconcile.contested_fields import outside
from sluice_operator.status.reasons import Happening, Reason
from sluice_operator.status.transitions import Tell

logger = logging.getLogger(__name__)

REFUSED_SECONDS: Final = 30.0
"""For how long what was refused is not tried again, unless something else is wanted, or there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What has become of one child."""

    live: Manifest | None
    """The child as it is now, if it is there."""
    tells: tuple[Tell, ...] = ()
    refusal: Refusal | None = None
    contests: tuple[Contest, ...] = ()
    """The fields that are left as somebody else has them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Task:
    """One child to be looked at."""

    api: Api
    source: Source
    wanted: Manifest
    memory: Memory

    @property
    def name(self) -> str:
        return name_of(self.wanted)

    @property
    def place(self) -> tuple[str, str]:
        return self.wanted["metadata"]["namespace"], self.wanted["metadata"]["name"]

    @property
    def stamp(self) -> str:
        return _stamp(self.wanted)


class Children:
    """Writes children. It remembers, for as long as the process lives, what it should not try at once
    again.
    """

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._memories: dict[str, Memory] = {}
        """By path."""

    async def ensure(self, api: Api, wanted: Manifest, *, live: Manifest | None, source: Source) -> Outcome:
        """Make the child be as `wanted`; `live` is what it is.

        At rest nothing is asked of the API server. Raises KubeError if a new try may help.
        """
        if live is not None and (stranger := _not_ours(live, source)):
            return Outcome(live=None, refusal=stranger)
        path = api.path(wanted["metadata"]["namespace"], wanted["metadata"]["name"])
        memory = self._memories.setdefault(path, Memory(was_contested=_was_contested(source)))
        task = _Task(api=api, source=source, wanted=wanted, memory=memory)
        if live is not None and _is_right(task, live):
            return _outcome(task, live)
        if refusal := memory.still_refused(task.stamp, _generation(live)):
            return _outcome(task, live, refusal=refusal)
        try:
            return await (self._create(task) if live is None else self._mend(task, live))
        except KubeError as error:
            return await self._after(error, task, live)

    async def remove(self, api: Api, live: Manifest) -> Tell | None:
        """Delete a child that is wanted no longer. Raises KubeError if a new try may help."""
        metadata = live["metadata"]
        try:
            was_there = await self._kube.delete(api, metadata["namespace"], metadata["name"], uid=metadata["uid"])
        except KubeError as error:
            if not error.is_refusal:
                raise
            logger.warning("%s is wanted no longer and can't be deleted: %s", name_of(live), error)
            return None
        message = f"Deleted {name_of(live)}, which is wanted no longer"
        return Tell(type="Normal", reason=Happening.DELETED, message=message) if was_there else None

    def forget(self, api: Api, namespace: str, name: str) -> None:
        """Drop what is remembered of a child that is gone for good."""
        self._memories.pop(api.path(namespace, name), None)

    async def _create(self, task: _Task) -> Outcome:
        memory = task.memory
        if memory.was_there and memory.is_deleted_again():
            tells = () if memory.is_told("deleted") else (_tell_deleted(task),)
            if task.api is SECRETS:  # pods that run do without it
                return Outcome(live=None, tells=tells, contests=(by_deletion(task.name),))
            return _outcome(task, None, refusal=deleted_again(task.wanted), tells=tells)
        written = await self._kube.apply(task.api, task.wanted, manager=FIELD_MANAGER)
        memory.note_write(task.stamp)
        # There was a pod, so there was all that it needs.
        if task.source.status.image is None and not memory.was_there:
            tell = Tell(type="Normal", reason=Happening.CREATED, message=f"Created {task.name}")
        else:
            message = f"Put back {task.name}: it was deleted"
            tell = Tell(type="Warning", reason=Happening.CHILD_RESTORED, message=message)
        return _settled(task, written, tell)

    async def _mend(self, task: _Task, seen: Manifest) -> Outcome:
        """Put right what is otherwise, except what is not the operator's to decide."""
        memory = task.memory
        live = await self._kube.get(task.api, *task.place)
        if live is None or live["metadata"]["uid"] != seen["metadata"]["uid"]:
            return _outcome(task, seen)  # the next look sees what has become of it
        is_change = memory.stamp != task.stamp and _stamp(live) != task.stamp
        if is_change:
            memory.contests.give_another_try()
        wanted = memory.contests.yielding(live, task.wanted)
        target = await self._replace(task, live, wanted, dry_run=True)
        # What does not come out of the dry run as it is wanted would not come out of a write either.
        found = outside(differences(live, target), [one.path for one in differences(target, wanted)])
        if not is_change and (left := memory.contests.note(found, who=who_set(live, found))):
            found = outside(found, left)
            wanted = memory.contests.yielding(live, task.wanted)
        if not found:
            memory.stamp = task.stamp
            return _settled(task, live)
        return await self._write(task, live, wanted, found, is_change=is_change)

    async def _write(
        self, task: _Task, live: Manifest, wanted: Manifest, found: list[Difference], *, is_change: bool
    ) -> Outcome:
        if not _former(live, wanted) and all(value_at(wanted, one.path) is not None for one in found):
            written = await self._kube.apply(task.api, wanted, manager=FIELD_MANAGER)
        else:
            written = await self._replace(task, live, wanted, dry_run=False)
        task.memory.note_write(task.stamp)
        return _settled(task, written, *_tell_written(task, live, found, is_change=is_change))

    async def _after(self, error: KubeError, task: _Task, live: Manifest | None) -> Outcome:
        """What has become of a child that could not be written. Raises `error` if a new try may help."""
        if error.is_conflict and live is not None:  # somebody has changed it meanwhile: the next look sees it
            return _outcome(task, live)
        if error.is_of_immutable and live is not None and is_made_by_us(live):
            return await self._make_anew(task, live, error)
        if not error.is_refusal:
            raise error
        return _outcome(task, live, refusal=_refuse(task, live, error))

    async def _replace(self, task: _Task, live: Manifest, wanted: Manifest, *, dry_run: bool) -> Manifest:
        operations = replacement(live, wanted, former=_former(live, wanted))
        return await self._kube.patch(task.api, *task.place, operations, manager=FIELD_MANAGER, dry_run=dry_run)

    async def _make_anew(self, task: _Task, live: Manifest, error: KubeError) -> Outcome:
        """Delete what can't become what is wanted, as a child of a former version; it is made anew when it is gone,
        with all its pods.
        """
        if task.memory.is_deleted_again():
            return _outcome(task, live, refusal=_refuse(task, live, error))
        metadata = live["metadata"]
        await self._kube.delete(task.api, *task.place, uid=metadata["uid"], foreground=True)
        task.memory.was_there = False
        message = f"{task.name} can't be changed into what is wanted, so it is deleted and made anew: {error.message}"
        logger.warning("%s", message)
        return _outcome(task, live, tells=(Tell(type="Warning", reason=Happening.CHILD_RESTORED, message=message),))


def _not_ours(live: Manifest, source: Source) -> Refusal | None:
    """Why `live` is not to be touched, if it isn't."""
    own = {"kind": type(source).__name__, "name": source.metadata.name, "uid": source.metadata.uid}
    if is_remnant(live, **own):
        return leaving(live)
    return None if belongs_to(live, **own) else conflict(live)


def _is_right(task: _Task, live: Manifest) -> bool:
    """Whether nothing is to be done about `live`. Notes that it is there."""
    task.memory.was_there = True
    # One that is being deleted is made anew when its end is seen.
    if "deletionTimestamp" in live["metadata"]:
        return True
    if task.memory.is_known_right(live, task.stamp):
        return True
    found = differences(live, task.wanted)
    if not task.memory.explains(outside(found, task.memory.contests.left())):
        return False
    task.memory.note_right(live, task.stamp, is_whole=not found)
    return True


def _settled(task: _Task, live: Manifest, *tells: Tell) -> Outcome:
    """What has become of a child about which no more can be done: what is still otherwise is admission's."""
    task.memory.explain(differences(live, task.wanted), left=task.memory.contests.left())
    for tell in tells:
        logger.info("%s/%s: %s", task.source.metadata.namespace, task.source.metadata.name, tell.message)
    return _outcome(task, live, tells=(*tells, *_tell_contests(task, live)))


def _outcome(
    task: _Task, live: Manifest | None, *, tells: tuple[Tell, ...] = (), refusal: Refusal | None = None
) -> Outcome:
    contests = task.memory.told_contests(task.name, live) if live is not None else ()
    return Outcome(live=live, tells=tells, refusal=refusal, contests=contests)


def _tell_written(task: _Task, live: Manifest, found: list[Difference], *, is_change: bool) -> list[Tell]:
    tells = []
    if is_change:
        tells.append(Tell(type="Normal", reason=Happening.UPDATED, message=f"Updated {task.name}"))
        found = [difference for difference in found if is_held_by_others(live, difference)]
    if found:
        advice = places(found)
        message = f"Put back {task.name}: {told(found, who=who_set(live, found))}" + (f"; {advice}" if advice else "")
        tells.append(Tell(type="Warning", reason=Happening.CHILD_RESTORED, message=message))
    return tells


def _tell_contests(task: _Task, live: Manifest) -> tuple[Tell, ...]:
    contests = task.memory.told_contests(task.name, live)
    if not contests or task.memory.is_told(",".join(sorted(contest.field for contest in contests))):
        return ()
    one = contests[0]
    more = f" (and {len(contests) - 1} more fields)" if len(contests) > 1 else ""
    message = (
        f"{one.child}: {one.field} is {one.found}, as {one.by} has set it, and not {one.wanted}{more}; it is left: "
        f"{one.advice}"
    )
    logger.warning("%s", message)
    return (Tell(type="Warning", reason=Happening.CHILD_CONTESTED, message=message),)


def _tell_deleted(task: _Task) -> Tell:
    message = deleted_again(task.wanted).message
    logger.warning("%s", message)
    return Tell(type="Warning", reason=Happening.CHILD_CONTESTED, message=message)


def _refuse(task: _Task, live: Manifest | None, error: KubeError) -> Refusal:
    refusal = refused(task.wanted, live, error)
    until = time.monotonic() + REFUSED_SECONDS
    task.memory.refused = Refused(stamp=task.stamp, generation=_generation(live), until=until, refusal=refusal)
    logger.warning("%s", refusal.message)
    return refusal


def _former(live: Manifest, wanted: Manifest) -> set[str]:
    """The names of labels and annotations of `live` that are the operator's and are wanted no longer."""
    return {
        name
        for part in ("labels", "annotations")
        for name in names_of(live, ("metadata", part), FIELD_MANAGER)
        if name not in wanted["metadata"].get(part, {})
    }


def _was_contested(source: Source) -> bool:
    """Whether an operator before this one has left a field of a child to somebody else."""
    return any(
        condition.type == ConditionType.CHILDREN_CONTESTED and condition.reason == Reason.CONTESTED
        for condition in source.status.conditions or ()
    )


def _stamp(manifest: Mapping[str, Any]) -> str:
    return str((manifest["metadata"].get("annotations") or {}).get(DESIRED_HASH_ANNOTATION, ""))


def _generation(live: Manifest | None) -> int:
    return int(live["metadata"].get("generation", 0)) if live else 0
