"""Finds the key of a Secret or a ConfigMap that the ingester's container has at a path. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from sluice_operator.api.pod_template import PodTemplate

VolumeSourceKind = Literal["Secret", "ConfigMap"]
_SOURCE_KINDS: Final[dict[str, VolumeSourceKind]] = {"secret": "Secret", "configMap": "ConfigMap"}
"""By field of a volume."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MountedKey:
    """A key of an object in the namespace of the resource."""

    kind: VolumeSourceKind
    name: str
    key: str


def find_mounted_key(template: PodTemplate, path: str) -> MountedKey | None:
    """The key at `path`, or None if no Secret or ConfigMap of the template is mounted there."""
    mounts = [mount for mount in template.volume_mounts or () if f"{path}/".startswith(f"{mount.mount_path}/")]
    if not mounts:
        return None
    mount = max(mounts, key=lambda mount: len(mount.mount_path))  # an inner mount hides an outer one
    below = path[len(mount.mount_path) + 1 :]
    within = "/".join(filter(None, (mount.sub_path, below)))
    for volume in template.volumes or ():
        if volume.name == mount.name:
            return next(_keys_at(volume.model_extra or {}, within), None)
    return None


def _keys_at(volume: Mapping[str, Any], path: str) -> Iterator[MountedKey]:
    projected = volume.get("projected")
    sources = projected.get("sources") if isinstance(projected, Mapping) else None
    for source in (volume, *(sources if isinstance(sources, list) else ())):
        if not isinstance(source, Mapping):
            continue
        for field, kind in _SOURCE_KINDS.items():
            part = source.get(field)
            if isinstance(part, Mapping) and (key := _key_at_path(part, path)):
                name = str(part.get("secretName") or part.get("name") or "")
                yield MountedKey(kind=kind, name=name, key=key)


def _key_at_path(part: Mapping[str, Any], path: str) -> str:
    """The key at `path` in a volume, or an empty string."""
    items = part.get("items")
    if not isinstance(items, list) or not items:
        return path
    found = (item for item in items if isinstance(item, Mapping) and item.get("path") == path)
    return next((str(item.get("key", "")) for item in found), "")
