"""What the watches have brought, in memory: the objects as they were last seen.

The store forgives what watches do: an event that comes late does not take the place of a newer object, what
is gone does not come back, and a list replaces everything up to its own moment, so what a watch has missed is
mended by the next list.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sluice_ingester.contract import host_of
from sluice_operator.desired.naming import label_value
from sluice_operator.kube import Api, Manifest
from sluice_operator.sources import SOURCES, SourceKey, key_of, label_of

Place = tuple[str, str]
"""Namespace and name."""

_GONE: Final = 1000  # how many of the last that went are remembered


class Store:
    """Objects by their kind and place."""

    def __init__(self) -> None:
        self._objects: dict[Api, dict[Place, Manifest]] = {}
        self._gone: dict[str, str] = {}  # by uid, the version at which it went
        self._hosts: dict[str, list[SourceKey]] | None = None  # made when it is asked for

    def put(self, api: Api, found: Mapping[str, Any]) -> Manifest | None:
        """Keep `found`, unless it is old news. What was kept before, if anything."""
        objects = self._objects.setdefault(api, {})
        place = _place(found)
        before = objects.get(place)
        # One that has lost its label leaves the watch like one that is deleted, and may come back.
        gone = self._gone.get(found["metadata"]["uid"])
        is_gone = gone is not None and not _is_later(_version(found), gone)
        if not is_gone and not (before and _is_newer(before, found)):
            objects[place] = _slim(api, found)
            if api in SOURCES.values() and (before is None or before.get("spec") != found.get("spec")):
                self._hosts = None
        return before

    def drop(self, api: Api, gone: Mapping[str, Any]) -> None:
        """Forget `gone`, unless another object has taken its place."""
        self._gone[gone["metadata"]["uid"]] = _version(gone)
        if len(self._gone) > _GONE:
            del self._gone[next(iter(self._gone))]
        objects = self._objects.setdefault(api, {})
        kept = objects.get(_place(gone))
        if kept is not None and kept["metadata"]["uid"] == gone["metadata"]["uid"]:
            del objects[_place(gone)]
            self._hosts = None

    def replace(self, api: Api, found: Iterable[Mapping[str, Any]], *, version: str) -> list[Manifest]:
        """Keep `found`, what has come after that `version`, and nothing else. All that is otherwise now."""
        before = self._objects.get(api, {})
        kept = {place: item for place, item in before.items() if _is_later(_version(item), version)}
        self._objects[api] = kept
        self._hosts = None
        for item in found:
            place = _place(item)
            if (old := before.get(place)) and _version(old) == _version(item):
                kept[place] = old
            else:
                self.put(api, item)
        changed = [item for place, item in kept.items() if before.get(place) is not item]
        return changed + [item for place, item in before.items() if place not in kept]

    def version(self, api: Api, namespace: str, name: str) -> str:
        """The resource version of the object that is kept, or nothing."""
        kept = self._objects.get(api, {}).get((namespace, name))
        return _version(kept) if kept else ""

    def all(self, api: Api) -> list[Manifest]:
        """All objects of one kind."""
        return list(self._objects.get(api, {}).values())

    def source(self, key: SourceKey) -> Manifest | None:
        """The source of that key."""
        return self._objects.get(SOURCES[key.kind], {}).get((key.namespace, key.name))

    def sources_at(self, host: str) -> list[Manifest]:
        """The sources whose keys in Redis bear that host."""
        if self._hosts is None:
            self._hosts = {}
            for source in (item for api in SOURCES.values() for item in self.all(api)):
                self._hosts.setdefault(host_of(str((source.get("spec") or {}).get("host"))), []).append(key_of(source))
        found = map(self.source, self._hosts.get(host, ()))
        return [source for source in found if source is not None]

    def children(self, api: Api, key: SourceKey) -> list[Manifest]:
        """The objects of one kind that say that they belong to the source of that key."""
        wanted = (key.kind, key.namespace, label_value(key.name))
        return [item for item in self.all(api) if label_of(item) == wanted]

    def owner(self, child: Mapping[str, Any]) -> SourceKey | None:
        """The key of the source that `child` says it belongs to, if that source is known."""
        if (label := label_of(child)) is None:
            return None
        kind, namespace, value = label
        for key in map(key_of, self.all(SOURCES[kind])):
            if key.namespace == namespace and label_value(key.name) == value:
                return key
        return None


def _place(item: Mapping[str, Any]) -> Place:
    return item["metadata"]["namespace"], item["metadata"]["name"]


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
