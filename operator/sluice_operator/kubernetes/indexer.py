"""Objects of one kind in memory, looked up by name and by index without a scan.

An index function reads a value from an object, such as the label that all children of one source share. The value is
read when the object is put or removed. So an object that was put must be replaced, never changed.
"""

from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeAlias

from sluice_operator.kubernetes.api_resource import Manifest

NamespacedName: TypeAlias = tuple[str, str]
"""Namespace and name."""

IndexFunction: TypeAlias = Callable[[Manifest], Hashable]
"""Reads the value that an object is looked up by."""


class Indexer:
    """Objects of one kind."""

    def __init__(self, *index_functions: IndexFunction) -> None:
        self._objects: dict[NamespacedName, Manifest] = {}
        self._indices: dict[IndexFunction, dict[Hashable, dict[NamespacedName, Manifest]]] = {
            function: {} for function in index_functions
        }

    def put(self, item: Manifest) -> None:
        """Store `item` in place of the object of that name."""
        name = namespaced_name(item)
        self._remove_from_indices(name)
        self._objects[name] = item
        for function, index in self._indices.items():
            index.setdefault(function(item), {})[name] = item

    def remove(self, name: NamespacedName) -> None:
        """Remove the object of that name, if there is one."""
        self._remove_from_indices(name)
        self._objects.pop(name, None)

    def get(self, name: NamespacedName) -> Manifest | None:
        """The object of that name, or None."""
        return self._objects.get(name)

    def all(self) -> list[Manifest]:
        """All objects."""
        return list(self._objects.values())

    def find(self, function: IndexFunction, value: Hashable) -> list[Manifest]:
        """The objects for which that index function gives that value."""
        return list(self._indices[function].get(value, {}).values())

    def _remove_from_indices(self, name: NamespacedName) -> None:
        if (stored := self._objects.get(name)) is None:
            return
        for function, index in self._indices.items():
            value = function(stored)
            del index[value][name]
            if not index[value]:
                del index[value]


def namespaced_name(item: Mapping[str, Any]) -> NamespacedName:
    """Namespace and name of an object."""
    return item["metadata"]["namespace"], item["metadata"]["name"]
