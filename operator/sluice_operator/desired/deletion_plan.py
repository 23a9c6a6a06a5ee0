"""What is to be told and done when a source is deleted whose cursor shall go with it. Pure."""

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
    """Until when it is tried to delete a cursor, in seconds since the deletion was asked for.

    It is counted from times that the API server keeps, so it goes on where it was when the operator is
    restarted. An operator that comes only after it has passed still tries, for `least` seconds. A time that is yet to
    come tells that the clocks differ: then the trying alone counts, which the operator's own clock measures.
    """

    seconds: float
    min_attempt_seconds: float

    def has_passed(self, *, requested_at: Iterable[datetime | None], now: datetime, attempted_seconds: float) -> bool:
        """Whether it has, after the last of the times at which somebody was `asked` to go, and `tried` seconds of
        trying.
        """
        times = [time for time in requested_at if time is not None]
        since = [attempted_seconds if time > now else (now - time).total_seconds() for time in times]
        return attempted_seconds >= self.min_attempt_seconds and all(seconds >= self.seconds for seconds in since)


def has_finalizer(source: Mapping[str, Any]) -> bool:
    """Whether the operator's finalizer keeps that source's object."""
    return FINALIZER in (source["metadata"].get("finalizers") or [])


def other_finalizers(source: Mapping[str, Any]) -> list[str]:
    """The finalizers of others that keep it."""
    return [name for name in source["metadata"].get("finalizers") or [] if name != FINALIZER]


def deletes_cursor(source: Mapping[str, Any]) -> bool:
    """Whether the cursor shall go with that source's object, even if nothing else of its spec can be read."""
    return bool(_section(source, "spec").get("deletionPolicy") == DeletionPolicy.DELETE_CURSOR)


def build_finalizer_patch(source: Mapping[str, Any], *, present: bool) -> dict[str, Any]:
    """The JSON merge patch that puts the operator's finalizer on that source's object, or takes it away.

    A list is merged as a whole, so it names the version that it was made from: if somebody else has changed the
    object, it is refused (409) and made anew.
    """
    wanted = [*other_finalizers(source), *([FINALIZER] if present else [])]
    return {"metadata": {"finalizers": wanted, "resourceVersion": source["metadata"]["resourceVersion"]}}


def deployment_names(source: Mapping[str, Any], components: Iterable[Component]) -> tuple[str, ...]:
    """The names of the Deployments that the source may have, whatever its spec says."""
    return tuple(child_name(source["metadata"]["name"], component.field) for component in components)


def may_run_ingester(pod: Mapping[str, Any]) -> bool:
    """Whether an ingester may still run in `pod`, which bears the labels of one.

    In a pod of a ReplicaSet it may, whatever its command has become on the way. A copy of such a pod has no ReplicaSet,
    and may run another command, as one does that was made to look around in: that writes nothing.
    """
    if (pod.get("status") or {}).get("phase") in _FINISHED_PHASES:
        return False
    return is_owned_by_replica_set(pod) or _command_may_be_ingester(pod.get("spec") or {})


def is_owned_by_replica_set(pod: Mapping[str, Any]) -> bool:
    """Whether a ReplicaSet has made `pod`, so that it goes when the Deployment does."""
    owners = pod.get("metadata", {}).get("ownerReferences") or []
    return any(owner.get("controller") is True and owner.get("kind") == "ReplicaSet" for owner in owners)


def _command_may_be_ingester(spec: Mapping[str, Any]) -> bool:
    containers = [one for one in spec.get("containers") or () if one.get("name") == CONTAINER]
    words = [
        [*(one.get("command") or ()), *(one.get("args") or ())] for one in containers or spec.get("containers") or ()
    ]
    return all(not command or any(COMMAND in str(word) for word in command) for command in words)


def possible_keys(source: Mapping[str, Any], components: Iterable[Component]) -> list[StreamKeys]:
    """The keys of all streams that the source may have had, as far as its object tells, whatever stands in it."""
    spec, status = _section(source, "spec"), _section(source, "status")
    prefix = str(_section(spec, "redis").get("keyPrefix") or "")
    streams = [component.stream for component in components]
    if address := str(spec.get("host") or ""):
        return [stream_keys(stream, address=address, prefix=prefix) for stream in streams]
    return [StreamKeys(stream=stream, host=str(status.get("host") or "HOST"), prefix=prefix) for stream in streams]


def stream_keys(stream: Stream, *, address: str, prefix: str) -> StreamKeys:
    """The keys of a stream of the source at `address`, and under which name an older version kept them."""
    host, written = normalize_host(address), host_as_written(address)
    return StreamKeys(stream=stream, host=host, prefix=prefix, former_hosts=() if written == host else (written,))


def with_legacy_keys(keys: Iterable[StreamKeys]) -> list[StreamKeys]:
    """`keys`, each followed by those under former names."""
    return [each for one in keys for each in (one, *one.former_keys)]


def _section(whole: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = whole.get(name)
    return part if isinstance(part, Mapping) else {}


def cursor_kept_message(problem: str, keys: Sequence[StreamKeys]) -> str:
    """What is told when a source has been let go without its cursor having been deleted."""
    names = " ".join(quote(name) for one in with_legacy_keys(keys) for name in (one.cursor, one.health))
    return f"The resource is let go without its cursor: {problem}. To delete it by hand: redis-cli DEL {names}"
