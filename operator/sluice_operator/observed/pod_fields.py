"""The fields of a pod that the operator reads. The others are not kept in memory. Pure.

A test proves that nothing else is read: all facts about a pod are the same without the other fields.
"""

from collections.abc import Mapping
from typing import Any, Final

_SPEC: Final = frozenset({"nodeName", "volumes", "imagePullSecrets", "schedulingGates"})
_CONTAINER: Final = frozenset({"name", "image", "command", "args", "env", "envFrom", "restartPolicy"})
_STATUS: Final = frozenset({"phase", "reason"})
_CONDITION: Final = frozenset({"type", "status", "reason", "message"})
_CONTAINER_STATUS: Final = frozenset({"name", "state", "lastState", "ready", "started", "restartCount"})
_CONTAINERS: Final = ("initContainers", "containers")
_CONTAINER_STATUSES: Final = ("initContainerStatuses", "containerStatuses")


def without_unread_fields(pod: Mapping[str, Any]) -> dict[str, Any]:
    """The v1 Pod `pod` with the fields that the operator reads."""
    trimmed = dict(pod)
    if spec := pod.get("spec"):
        trimmed["spec"] = {**_only(_SPEC, spec), **_lists(_CONTAINERS, spec, fields=_CONTAINER)}
    if status := pod.get("status"):
        trimmed["status"] = {
            **_only(_STATUS, status),
            **_lists(("conditions",), status, fields=_CONDITION),
            **_lists(_CONTAINER_STATUSES, status, fields=_CONTAINER_STATUS),
        }
    return trimmed


def _lists(names: tuple[str, ...], part: Mapping[str, Any], *, fields: frozenset[str]) -> dict[str, Any]:
    return {name: [_only(fields, one) for one in part[name]] for name in names if part.get(name)}


def _only(fields: frozenset[str], part: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in part.items() if name in fields}
