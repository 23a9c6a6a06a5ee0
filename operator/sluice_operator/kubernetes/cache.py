"""What the watches have brought, in memory: the objects as they were last seen.

The store forgives what watches do: an event that comes late does not take the place of a newer object, what
is gone does not come back, and a list replaces everything up to its own moment, so what a watch has missed is
mended by the next list.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sluice_operator.kinds.registry import SOURCES, Label, SourceKey, key_of, label_for, label_of
from sluice_operator.kubernetes.client import Api, Manifest
from sluice_operator.kubernetes.indexer import Index, place_of
from sluice_redis.hosts import host_of

_GONE: Final = 1000  # how many of the last that went are remembered


class Store:
    """Objects by their kind and place."""

    def __init__(self) -> None:
        self._objects: dict[Api, Index] = {}
        self._gone: dict[str, str] = {}  # by uid, the version at which it went

    def put(self, api: Api, found: Mapping[str, Any]) -> Manifest | None:
        """Keep `found`, unless it is old news. What was kept before, if anything."""
        objects = self._of(api)
        before = objects.get(place_of(found))
        # One that has lost its label leaves the watch like one that is deleted, and may come back.
        gone = self._gone.get(found["metadata"]["uid"])
        is_gone = gone is not None and not _is_later(_version(found), gone)
        if not is_gone and not (before and _is_newer(before, found)):
            objects.put(_slim(api, found))
        return before

    def drop(self, api: Api, gone: Mapping[str, Any]) -> None:
        """Forget `gone`, unless another object has taken its place."""
        self._gone[gone["metadata"]["uid"]] = _version(gone)
        if len(self._gone) > _GONE:
            del self._gone[next(iter(self._gone))]
        kept = self._of(api).get(place_of(gone))
        if kept is not None and kept["metadata"]["uid"] == gone["metadata"]["uid"]:
            self._of(api).remove(place_of(gone))

    def replace(self, api: Api, found: Iterable[Mapping[str, Any]], *, version: str) -> list[Manifest]:
        """Keep `found`, what has come after that `version`, and nothing else. All that is otherwise now."""
        before, kept = self._of(api), _index(api)
        self._objects[api] = kept
        for known in before.all():
            if _is_later(_version(known), version):
                kept.put(known)
        for item in found:
            if (old := before.get(place_of(item))) and _version(old) == _version(item):
                kept.put(old)
            else:
                self.put(api, item)
        changed = [item for item in kept.all() if before.get(place_of(item)) is not item]
        return changed + [item for item in before.all() if kept.get(place_of(item)) is None]

    def version(self, api: Api, namespace: str, name: str) -> str:
        """The resource version of the object that is kept, or nothing."""
        kept = self._of(api).get((namespace, name))
        return _version(kept) if kept else ""

    def all(self, api: Api) -> list[Manifest]:
        """All objects of one kind."""
        return self._of(api).all()

    def sources_in(self, namespace: str) -> list[Manifest]:
        """The sources in one namespace."""
        return [source for api in SOURCES.values() for source in self._of(api).by(_namespace, namespace)]

    def source(self, key: SourceKey) -> Manifest | None:
        """The source of that key."""
        return self._of(SOURCES[key.kind]).get((key.namespace, key.name))

    def sources_at(self, host: str) -> list[Manifest]:
        """The sources whose keys in Redis bear that host."""
        return [source for api in SOURCES.values() for source in self._of(api).by(_host, host)]

    def children(self, api: Api, key: SourceKey) -> list[Manifest]:
        """The objects of one kind that say that they belong to the source of that key."""
        return self._of(api).by(label_of, label_for(key))

    def owner(self, child: Mapping[str, Any]) -> SourceKey | None:
        """The key of the source that `child` says it belongs to, if that source is known."""
        if (label := label_of(child)) is None:
            return None
        kind, *_ = label
        return next(map(key_of, self._of(SOURCES[kind]).by(_own_label, label)), None)

    def _of(self, api: Api) -> Index:
        if api not in self._objects:
            self._objects[api] = _index(api)
        return self._objects[api]


def _index(api: Api) -> Index:
    return Index(_own_label, _host, _namespace) if api in SOURCES.values() else Index(label_of)


def _own_label(source: Mapping[str, Any]) -> Label:
    return label_for(key_of(source))


def _namespace(source: Mapping[str, Any]) -> str:
    return str(source["metadata"]["namespace"])


def _host(source: Mapping[str, Any]) -> str:
    spelled = str((source.get("spec") or {}).get("host"))
    try:
        return host_of(spelled)
    except ValueError:
        return spelled  # one that nobody can read keeps no other from being found


def _version(item: Mapping[str, Any]) -> str:
    return str(item["metadata"].get("resourceVersion", ""))


def _is_newer(kept: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether `kept` is a later state of the same object than `other`. In doubt it is not."""
    if kept["metadata"]["uid"] != other["metadata"]["uid"]:
        return False
    return _is_later(_version(kept), _version(other))


def _is_later(one: str, other: str) -> bool:
    """Whether one resource version is later than the other. In doubt it is not."""
    return one.isdecimal() and other.isdecimal() and int(one) > int(other)


def _slim(api: Api, item: Mapping[str, Any]) -> Manifest:
    """`item` without what nobody here reads. The items of a list don't name their kind: it is added."""
    metadata = {name: value for name, value in item["metadata"].items() if name != "managedFields"}
    return {**item, "apiVersion": api.version, "kind": api.kind, "metadata": metadata}
