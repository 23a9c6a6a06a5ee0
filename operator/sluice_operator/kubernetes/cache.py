"""The cache of watched objects, in memory.

Watches deliver events late, twice or not at all. So the cache keeps three rules:

- An event does not replace a newer version of the same object.
- An older event does not restore an object that was deleted.
- A list replaces everything up to its own resource version. This corrects what was missed.
"""

from collections.abc import Hashable, Iterable, Mapping
from typing import Any, Final

from sluice_operator.kubernetes.api_resource import ApiResource, Manifest, without_managed_fields
from sluice_operator.kubernetes.indexer import Indexer, IndexFunction, namespaced_name
from sluice_operator.kubernetes.shared_strings import share_strings
from sluice_operator.kubernetes.source_key import SourceKey, object_key
from sluice_operator.kubernetes.watched_kinds import OwnerLabel, Sharers, WatchedKinds

_MAX_DELETED: Final = 1000
"""How many deleted objects are recorded."""


class Cache:
    """The watched objects, by kind and name."""

    def __init__(self, kinds: WatchedKinds) -> None:
        self._kinds = kinds
        self._indexers: dict[ApiResource, Indexer] = {}
        self._deleted: dict[str, str] = {}
        """By uid, the resource version of the deletion."""
        self._sources_revision = 0

    @property
    def sources_revision(self) -> int:
        """A number that changes when a source comes, goes or is deleted, and with a spec, but not with a status."""
        return self._sources_revision

    def put(self, api: ApiResource, item: Mapping[str, Any]) -> Manifest | None:
        """Store `item`, unless the cache has that version or a newer one. Returns what was stored before, or None."""
        indexer = self._indexer(api)
        before = indexer.get(namespaced_name(item))
        # If an object loses its label, the watch reports it as deleted. It may return.
        deleted = self._deleted.get(item["metadata"]["uid"])
        is_deleted = deleted is not None and not _is_later(_resource_version(item), deleted)
        is_known = before is not None and (_is_same_version(before, item) or _is_newer(before, item))
        if not is_deleted and not is_known:
            indexer.put(self._compact(api, item))
            if self._kinds.is_source(api) and (before is None or _spec_version(before) != _spec_version(item)):
                self._sources_revision += 1
        return before

    def remove(self, api: ApiResource, item: Mapping[str, Any]) -> None:
        """Remove `item`, which was deleted. Another object of its name stays."""
        self._deleted[item["metadata"]["uid"]] = _resource_version(item)
        if len(self._deleted) > _MAX_DELETED:
            del self._deleted[next(iter(self._deleted))]
        stored = self._indexer(api).get(namespaced_name(item))
        if stored is not None and stored["metadata"]["uid"] == item["metadata"]["uid"]:
            self._indexer(api).remove(namespaced_name(item))
            self._sources_revision += self._kinds.is_source(api)

    def replace(self, api: ApiResource, items: Iterable[Mapping[str, Any]], *, resource_version: str) -> list[Manifest]:
        """Store the `items` of a list of that version. Returns the objects that were changed, added or removed.

        Objects that are newer than the list stay. All others that are not in it are removed.
        """
        before, after = self._indexer(api), self._new_indexer(api)
        self._indexers[api] = after
        self._sources_revision += self._kinds.is_source(api)
        for stored in before.all():
            if _is_later(_resource_version(stored), resource_version):
                after.put(stored)
        for item in items:
            if (old := before.get(namespaced_name(item))) and _resource_version(old) == _resource_version(item):
                after.put(old)
            else:
                self.put(api, item)
        changed = [item for item in after.all() if before.get(namespaced_name(item)) is not item]
        return changed + [item for item in before.all() if after.get(namespaced_name(item)) is None]

    def resource_version(self, api: ApiResource, namespace: str, name: str) -> str:
        """The resource version of a stored object, or an empty string."""
        stored = self._indexer(api).get((namespace, name))
        return _resource_version(stored) if stored else ""

    def all(self, api: ApiResource) -> list[Manifest]:
        """All objects of one kind."""
        return self._indexer(api).all()

    def is_source_kind(self, kind: str) -> bool:
        """Whether that is the name of a kind of source."""
        return kind in self._kinds.sources

    def related_sources(self, source: Manifest) -> list[SourceKey]:
        """The other sources that have a value of one of `source_indexes` in common with that object."""
        values = [(function, function(source)) for function in self._kinds.source_indexes]
        found = [other for function, value in values if value is not None for other in self.sources_by(function, value)]
        return [object_key(other) for other in found if other["metadata"]["uid"] != source["metadata"]["uid"]]

    def source(self, key: SourceKey) -> Manifest | None:
        """The source of that key, or None."""
        return self._indexer(self._kinds.sources[key.kind]).get((key.namespace, key.name))

    def sources_in(self, namespace: str) -> list[Manifest]:
        """The sources in one namespace."""
        return self.sources_by(_namespace, namespace)

    def sources_by(self, function: IndexFunction, value: Hashable) -> list[Manifest]:
        """The sources for which one of `source_indexes` gives that value."""
        return [item for api in self._kinds.sources.values() for item in self._indexer(api).find(function, value)]

    def children(self, api: ApiResource, key: SourceKey) -> list[Manifest]:
        """The objects of one kind whose label names the source of that key."""
        return self._indexer(api).find(self._kinds.owner_label_of, self._kinds.owner_label_for(key))

    def shared_children(self, api: ApiResource, sharers: Sharers) -> list[Manifest]:
        """The objects of one kind that these sources share."""
        return self._indexer(api).find(self._kinds.sharers_of, sharers)

    def owners_of(self, child: Mapping[str, Any]) -> list[SourceKey]:
        """The keys of the sources that the label of `child` names: one, or those that share it."""
        if (sharers := self._kinds.sharers_of(child)) is not None:
            return [object_key(source) for source in self.sources_by(*sharers)]
        if (label := self._kinds.owner_label_of(child)) is None:
            return []
        kind, *_ = label
        return [object_key(source) for source in self._indexer(self._kinds.sources[kind]).find(self._own_label, label)]

    def compact(self, api: ApiResource, item: Mapping[str, Any]) -> Manifest:
        """`item` in little memory, as it is cached. If that version of it is cached, this is the cached one."""
        stored = self._indexer(api).get(namespaced_name(item))
        if stored is not None and _is_same_version(stored, item):
            return stored
        return self._compact(api, item)

    def _compact(self, api: ApiResource, item: Mapping[str, Any]) -> Manifest:
        """`item` in little memory: without fields that nobody reads.

        The items of a list don't name their kind, so it is added.
        """
        trim = self._kinds.trims.get(api, dict)
        named = {**trim(item), "apiVersion": api.api_version, "kind": api.kind}
        return share_strings(without_managed_fields(named))

    def _indexer(self, api: ApiResource) -> Indexer:
        if api not in self._indexers:
            self._indexers[api] = self._new_indexer(api)
        return self._indexers[api]

    def _new_indexer(self, api: ApiResource) -> Indexer:
        if self._kinds.is_source(api):
            return Indexer(self._own_label, _namespace, *self._kinds.source_indexes)
        return Indexer(self._kinds.owner_label_of, self._kinds.sharers_of)

    def _own_label(self, source: Mapping[str, Any]) -> OwnerLabel:
        return self._kinds.owner_label_for(object_key(source))


def _namespace(source: Mapping[str, Any]) -> str:
    return str(source["metadata"]["namespace"])


def _is_same_version(stored: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    version = _resource_version(stored)
    return (
        bool(version) and version == _resource_version(other) and stored["metadata"]["uid"] == other["metadata"]["uid"]
    )


def _resource_version(item: Mapping[str, Any]) -> str:
    return str(item["metadata"].get("resourceVersion", ""))


def _spec_version(item: Mapping[str, Any]) -> tuple[Any, ...]:
    """What differs between two objects, or two versions of one, if their specs do, or if one is being deleted."""
    metadata = item["metadata"]
    return metadata["uid"], metadata.get("generation"), metadata.get("deletionTimestamp")


def _is_newer(stored: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether `stored` is a later version of the same object. False if that is not known."""
    if stored["metadata"]["uid"] != other["metadata"]["uid"]:
        return False
    return _is_later(_resource_version(stored), _resource_version(other))


def _is_later(one: str, other: str) -> bool:
    """Whether one resource version is later than the other. False if that is not known."""
    return one.isdecimal() and other.isdecimal() and int(one) > int(other)
