"""The objects of the fake API server: versions, generations, finalizers, deletion and owners of fields."""

import itertools
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from sluice_operator.api.base import API_VERSION
from sluice_operator.kubernetes.api_resource import ApiResource, Manifest
from tests.fakes.field_ownership import Owners, fields_v1

Kind: TypeAlias = tuple[str, str]
"""API version and plural."""

_FOREGROUND: Final = "foregroundDeletion"


def is_source(kind: Kind) -> bool:
    """Whether it is a kind of Sluice's own API group."""
    return kind[0] == API_VERSION


def has_status(kind: Kind) -> bool:
    """Whether the kind has a status subresource."""
    return is_source(kind) or kind[1] in {"deployments", "pods"}


def has_generation(kind: Kind) -> bool:
    """Whether the API server counts the generations of the kind's objects."""
    return is_source(kind) or kind[1] == "deployments"


@dataclass(frozen=True)
class Key:
    """The key of one object."""

    kind: Kind
    namespace: str
    name: str


@dataclass
class Stored:
    """An object and the owners of its fields."""

    manifest: Manifest
    owners: Owners = field(default_factory=dict)


class ObjectStore:
    """Objects by their keys."""

    def __init__(self) -> None:
        self.listeners: list[Callable[[str, str, Manifest], None]] = []
        """Called with the event type (`ADDED`, `MODIFIED` or `DELETED`), the plural and the object."""
        self.version = 0
        """The newest resource version."""
        self._objects: dict[Key, Stored] = {}
        self._uids = itertools.count(1)

    def get(self, key: Key) -> Stored | None:
        return self._objects.get(key)

    def all(self, kind: Kind) -> Iterator[Stored]:
        """The objects of one kind, by namespace and name."""
        keys = sorted((key for key in self._objects if key.kind == kind), key=lambda key: (key.namespace, key.name))
        return (self._objects[key] for key in keys)

    def new_metadata(self, kind: Kind) -> Manifest:
        """What the API server sets in a new object."""
        generation = {"generation": 1} if has_generation(kind) else {}
        uid = f"00000000-0000-4000-8000-{next(self._uids):012}"
        return {"uid": uid, "creationTimestamp": _now(), **generation}

    def put(self, key: Key, after: Manifest, owners: Owners) -> Manifest:
        """Store `after` with a new version, if it differs. Removes it if its last finalizer was removed."""
        live = self._objects.get(key)
        if is_source(key.kind):  # the default of the CRDs
            after.setdefault("status", {}).setdefault("observedGeneration", -1)
        if live is not None and after == live.manifest and owners == live.owners:
            return shown(live)
        metadata = after["metadata"]
        if live is not None and has_generation(key.kind) and _desired(after) != _desired(live.manifest):
            metadata["generation"] = live.manifest["metadata"]["generation"] + 1
        metadata["resourceVersion"] = self._next_version()
        stored = self._objects[key] = Stored(after, owners)
        if metadata.get("deletionTimestamp") and not metadata.get("finalizers"):
            del self._objects[key]
            self._announce("DELETED", key, stored)
        else:
            self._announce("MODIFIED" if live else "ADDED", key, stored)
        return shown(stored)

    def delete(self, key: Key, *, is_foreground: bool) -> None:
        """Delete an object, or mark it as deleted while it has finalizers."""
        stored = self._objects[key]
        metadata = deepcopy(stored.manifest["metadata"])
        finalizers = [*(metadata.get("finalizers") or []), *([_FOREGROUND] if is_foreground else [])]
        metadata["resourceVersion"] = self._next_version()
        if not finalizers:
            del self._objects[key]
            self._announce("DELETED", key, Stored({**stored.manifest, "metadata": metadata}, stored.owners))
            return
        metadata["finalizers"] = list(dict.fromkeys(finalizers))
        if "deletionTimestamp" not in metadata:
            metadata |= {"deletionTimestamp": _now(), "deletionGracePeriodSeconds": 0}
            if "generation" in metadata:
                metadata["generation"] += 1
        self._objects[key] = Stored({**stored.manifest, "metadata": metadata}, stored.owners)
        self._announce("MODIFIED", key, self._objects[key])

    def drop_kind(self, kind: Kind) -> None:
        """Remove all objects of one kind, without watch events."""
        for key in [key for key in self._objects if key.kind == kind]:
            del self._objects[key]

    def collect_garbage(self) -> None:
        """Do what the garbage collector does: delete dependents without owners, and end foreground deletions."""
        while self._delete_dependent() or self._end_foreground_deletion():
            pass

    def _delete_dependent(self) -> bool:
        metadata = {one.manifest["metadata"]["uid"]: one.manifest["metadata"] for one in self._objects.values()}
        for key, one in self._objects.items():
            owners = [metadata.get(uid) for uid in _owner_uids(one.manifest)]
            is_orphan = bool(owners) and not any(owners)
            is_swept = any(_FOREGROUND in (owner or {}).get("finalizers", ()) for owner in owners)
            if (is_orphan or is_swept) and "deletionTimestamp" not in one.manifest["metadata"]:
                self.delete(key, is_foreground=is_swept)
                return True
        return False

    def _end_foreground_deletion(self) -> bool:
        owned = {uid for one in self._objects.values() for uid in _owner_uids(one.manifest)}
        for key, one in self._objects.items():
            metadata = one.manifest["metadata"]
            if _FOREGROUND in metadata.get("finalizers", ()) and metadata["uid"] not in owned:
                left = [name for name in metadata["finalizers"] if name != _FOREGROUND]
                self.put(key, {**one.manifest, "metadata": {**metadata, "finalizers": left}}, one.owners)
                return True
        return False

    def _next_version(self) -> str:
        self.version += 1
        return str(self.version)

    def _announce(self, event_type: str, key: Key, stored: Stored) -> None:
        for listener in self.listeners:
            listener(event_type, key.kind[1], shown(stored))


def shown(stored: Stored) -> Manifest:
    """An object as a client reads it."""
    managed = [
        {
            "manager": name,
            "operation": operation,
            "fieldsType": "FieldsV1",
            "fieldsV1": fields_v1(paths),
            **({"subresource": subresource} if subresource else {}),
        }
        for (name, operation, subresource), paths in stored.owners.items()
    ]
    manifest = deepcopy(stored.manifest)
    if managed:
        manifest["metadata"]["managedFields"] = managed
    return manifest


def key_of(api: ApiResource, namespace: str, name: str) -> Key:
    return Key((api.api_version, api.plural), namespace, name)


def _owner_uids(manifest: Manifest) -> list[str]:
    return [owner["uid"] for owner in manifest["metadata"].get("ownerReferences") or []]


def _desired(manifest: Manifest) -> dict[str, Any]:
    return {name: value for name, value in manifest.items() if name not in {"metadata", "status"}}


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
