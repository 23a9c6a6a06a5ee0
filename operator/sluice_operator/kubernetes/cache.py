"""What the watches have brought, in memory: the objects as they were last seen.

The store forgives what watches do: an event that comes late does not take the place of a newer object, what
is gone does not come back, and a list replaces everything up to its own moment, so what a watch has missed is
mended by the next list.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sluice_operator.kinds.registry import SOURCES, owner_label_of
from sluice_operator.kinds.source_key import OwnerLabel, SourceKey, object_key, owner_label_for
from sluice_operator.kubernetes.client import ApiResource, Manifest
from sluice_operator.kubernetes.indexer import Indexer, namespaced_name
from sluice_redis.hosts import normalize_host

_MAX_DELETED: Final = 1000  # how many of the last that went are remembered


class Cache:
    """Objects by their kind and place."""

    def __init__(self) -> None:
        self._objects: dict[ApiResource, Indexer] = {}
        self._deleted: dict[str, str] = {}  # by uid, the version at which it went

    def put(self, api: ApiResource, item: Mapping[str, Any]) -> Manifest | None:
        """Keep `found`, unless it is old news. What was kept before, if anything."""
        objects = self._indexer(api)
        before = objects.get(namespaced_name(item))
        # One that has lost its label leaves the watch like one that is deleted, and may come back.
        gone = self._deleted.get(item["metadata"]["uid"])
        is_gone = gone is not None and not _is_later(_resource_version(item), gone)
        if not is_gone and not (before and _is_newer(before, item)):
            objects.put(_without_managed_fields(api, item))
        return before

    def remove(self, api: ApiResource, item: Mapping[str, Any]) -> None:
        """Forget `gone`, unless another object has taken its place."""
        self._deleted[item["metadata"]["uid"]] = _resource_version(item)
        if len(self._deleted) > _MAX_DELETED:
            del self._deleted[next(iter(self._deleted))]
        kept = self._indexer(api).get(namespaced_name(item))
        if kept is not None and kept["metadata"]["uid"] == item["metadata"]["uid"]:
            self._indexer(api).remove(namespaced_name(item))

    def replace(self, api: ApiResource, items: Iterable[Mapping[str, Any]], *, resource_version: str) -> list[Manifest]:
        """Keep `found`, what has come after that `version`, and nothing else. All that is otherwise now."""
        before, kept = self._indexer(api), _new_indexer(api)
        self._objects[api] = kept
        for known in before.all():
            if _is_later(_resource_version(known), resource_version):
                kept.put(known)
        for item in items:
            if (old := before.get(namespaced_name(item))) and _resource_version(old) == _resource_version(item):
                kept.put(old)
            else:
                self.put(api, item)
        changed = [item for item in kept.all() if before.get(namespaced_name(item)) is not item]
        return changed + [item for item in before.all() if kept.get(namespaced_name(item)) is None]

    def resource_version(self, api: ApiResource, namespace: str, name: str) -> str:
        """The resource version of the object that is kept, or nothing."""
        kept = self._indexer(api).get((namespace, name))
        return _resource_version(kept) if kept else ""

    def all(self, api: ApiResource) -> list[Manifest]:
        """All objects of one kind."""
        return self._indexer(api).all()

    def sources_in(self, namespace: str) -> list[Manifest]:
        """The sources in one namespace."""
        return [source for api in SOURCES.values() for source in self._indexer(api).find(_namespace, namespace)]

    def source(self, key: SourceKey) -> Manifest | None:
        """The source of that key."""
        return self._indexer(SOURCES[key.kind]).get((key.namespace, key.name))

    def sources_with_host(self, host: str) -> list[Manifest]:
        """The sources whose keys in Redis bear that host."""
        return [source for api in SOURCES.values() for source in self._indexer(api).find(_host, host)]

    def children(self, api: ApiResource, key: SourceKey) -> list[Manifest]:
        """The objects of one kind that say that they belong to the source of that key."""
        return self._indexer(api).find(owner_label_of, owner_label_for(key))

    def owner_of(self, child: Mapping[str, Any]) -> SourceKey | None:
        """The key of the source that `child` says it belongs to, if that source is known."""
        if (label := owner_label_of(child)) is None:
            return None
        kind, *_ = label
        return next(map(object_key, self._indexer(SOURCES[kind]).find(_label, label)), None)

    def _indexer(self, api: ApiResource) -> Indexer:
        if api not in self._objects:
            self._objects[api] = _new_indexer(api)
        return self._objects[api]


def _new_indexer(api: ApiResource) -> Indexer:
    return Indexer(_label, _host, _namespace) if api in SOURCES.values() else Indexer(owner_label_of)


def _label(source: Mapping[str, Any]) -> OwnerLabel:
    return owner_label_for(object_key(source))


def _namespace(source: Mapping[str, Any]) -> str:
    return str(source["metadata"]["namespace"])


def _host(source: Mapping[str, Any]) -> str:
    spelled = str((source.get("spec") or {}).get("host"))
    try:
        return normalize_host(spelled)
    except ValueError:
        return spelled  # one that nobody can read keeps no other from being found


def _resource_version(item: Mapping[str, Any]) -> str:
    return str(item["metadata"].get("resourceVersion", ""))


def _is_newer(kept: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether `kept` is a later state of the same object than `other`. In doubt it is not."""
    if kept["metadata"]["uid"] != other["metadata"]["uid"]:
        return False
    return _is_later(_resource_version(kept), _resource_version(other))


def _is_later(one: str, other: str) -> bool:
    """Whether one resource version is later than the other. In doubt it is not."""
    return one.isdecimal() and other.isdecimal() and int(one) > int(other)


def _without_managed_fields(api: ApiResource, item: Mapping[str, Any]) -> Manifest:
    """`item` without what nobody here reads. The items of a list don't name their kind: it is added."""
    metadata = {name: value for name, value in item["metadata"].items() if name != "managedFields"}
    return {**item, "apiVersion": api.api_version, "kind": api.kind, "metadata": metadata}
