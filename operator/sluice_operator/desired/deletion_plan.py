"""Decides what to do when a source is deleted and its cursor must be deleted with it. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from shlex import quote
from typing import Any, Final

from sluice_operator.api.deletion import FINALIZER, DeletionPolicy
from sluice_operator.desired.component import Component
from sluice_operator.desired.naming import child_name
from sluice_operator.desired.pod import COMMAND, CONTAINER
from sluice_redis.contract import Stream, StreamKeys
from sluice_redis.hosts import host_as_written, normalize_host

_FINISHED_PHASES: Final = frozenset({"Succeeded", "Failed"})


@dataclass(frozen=True, kw_only=True, slots=True)
class DeletionDeadline:
    """How long the operator tries to delete a cursor, in seconds since the deletion was requested.

    The deadline starts at a time that the API server stores, so a restart of the operator does not extend it. An
    operator that starts after the deadline still tries for `min_attempt_seconds`. If the stored time is in the future,
    the clocks differ. Then the deadline starts with the first attempt, by the operator's own clock.
    """

    seconds: float
    min_attempt_seconds: float

    def has_passed(self, *, requested_at: Iterable[datetime | None], now: datetime, attempted_seconds: float) -> bool:
        """Whether it has passed since the latest of `requested_at`, after `attempted_seconds` of trying."""
        times = [time for time in requested_at if time is not None]
        since = [attempted_seconds if time > now else (now - time).total_seconds() for time in times]
        return attempted_seconds >= self.min_attempt_seconds and all(seconds >= self.seconds for seconds in since)


def has_finalizer(source: Mapping[str, Any]) -> bool:
    """Whether the object has the operator's finalizer."""
    return FINALIZER in (source["metadata"].get("finalizers") or [])


def other_finalizers(source: Mapping[str, Any]) -> list[str]:
    """The finalizers that other controllers have set."""
    return [name for name in source["metadata"].get("finalizers") or [] if name != FINALIZER]


def deletes_cursor(source: Mapping[str, Any]) -> bool:
    """Whether the cursor must be deleted with the object, even if nothing else of its spec can be read."""
    return bool(_section(source, "spec").get("deletionPolicy") == DeletionPolicy.DELETE_CURSOR)


def build_finalizer_patch(source: Mapping[str, Any], *, present: bool) -> dict[str, Any]:
    """The JSON merge patch that adds the operator's finalizer to the object, or removes it.

    A merge patch replaces the whole list. So the patch names the resource version that it was made from. If the object
    was changed since then, the API server answers 409, and the patch must be made again.
    """
    finalizers = [*other_finalizers(source), *([FINALIZER] if present else [])]
    return {"metadata": {"finalizers": finalizers, "resourceVersion": source["metadata"]["resourceVersion"]}}


def deployment_names(source: Mapping[str, Any], components: Iterable[Component]) -> tuple[str, ...]:
    """The names of the Deployments that the source can have, whatever its spec says."""
    return tuple(child_name(source["metadata"]["name"], component.field) for component in components)


def may_run_ingester(pod: Mapping[str, Any]) -> bool:
    """Whether an ingester may still run in `pod`, which has the labels of one.

    A pod of a ReplicaSet may run one, whatever its command is. A copy of such a pod, made for debugging, has no
    ReplicaSet. With another command it runs no ingester.
    """
    if (pod.get("status") or {}).get("phase") in _FINISHED_PHASES:
        return False
    return is_owned_by_replica_set(pod) or _command_may_be_ingester(pod.get("spec") or {})


def is_owned_by_replica_set(pod: Mapping[str, Any]) -> bool:
    """Whether a ReplicaSet owns `pod`, so that it is deleted with the Deployment."""
    owners = pod.get("metadata", {}).get("ownerReferences") or []
    return any(owner.get("controller") is True and owner.get("kind") == "ReplicaSet" for owner in owners)


def _command_may_be_ingester(spec: Mapping[str, Any]) -> bool:
    containers = [one for one in spec.get("containers") or () if one.get("name") == CONTAINER]
    words = [
        [*(one.get("command") or ()), *(one.get("args") or ())] for one in containers or spec.get("containers") or ()
    ]
    return all(not command or any(COMMAND in str(word) for word in command) for command in words)


def possible_keys(source: Mapping[str, Any], components: Iterable[Component]) -> list[StreamKeys]:
    """The keys of all streams that the source may have had, even if its spec is invalid."""
    spec, status = _section(source, "spec"), _section(source, "status")
    prefix = str(_section(spec, "redis").get("keyPrefix") or "")
    streams = [component.stream for component in components]
    if address := str(spec.get("host") or ""):
        return [stream_keys(stream, address=address, prefix=prefix) for stream in streams]
    return [StreamKeys(stream=stream, host=str(status.get("host") or "HOST"), prefix=prefix) for stream in streams]


def stream_keys(stream: Stream, *, address: str, prefix: str) -> StreamKeys:
    """The keys of a stream of the source at `address`, and the names that an older version used for them."""
    host, written = normalize_host(address), host_as_written(address)
    return StreamKeys(stream=stream, host=host, prefix=prefix, former_hosts=() if written == host else (written,))


def with_legacy_keys(keys: Iterable[StreamKeys]) -> list[StreamKeys]:
    """`keys`, each followed by its legacy keys."""
    return [each for one in keys for each in (one, *one.former_keys)]


def _section(whole: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = whole.get(name)
    return part if isinstance(part, Mapping) else {}


def cursor_kept_message(problem: str, keys: Sequence[StreamKeys]) -> str:
    """The message for a source that is deleted without its cursor."""
    names = " ".join(quote(name) for one in with_legacy_keys(keys) for name in (one.cursor, one.health))
    return (
        f"The resource is deleted, but its cursor is not: {problem}. To delete the cursor, run: redis-cli DEL {names}"
    )
