"""Objects of one kind, found by their place and by their marks without looking through all.

A mark is what objects are asked for by, such as the label of those that belong together. It is read from the object
as that is put or removed, and nowhere else is anything put or removed: so what is found by a mark is what a look
through all would find. For that, an object that was put is never changed, only replaced.
"""

from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeAlias

from sluice_operator.kubernetes.client import Manifest

NamespacedName: TypeAlias = tuple[str, str]
"""Namespace and name."""

IndexFunction: TypeAlias = Callable[[Manifest], Hashable]
"""Reads a mark from an object."""


class Indexer:
    """Objects of one kind, of which no two have one place."""

    def __init__(self, *marks: IndexFunction) -> None:
        self._objects: dict[NamespacedName, Manifest] = {}
        self._indices: dict[IndexFunction, dict[Hashable, dict[NamespacedName, Manifest]]] = {
            mark: {} for mark in marks
        }

    def put(self, item: Manifest) -> None:
        """Take `found` in, instead of what is at its place."""
        place = namespaced_name(item)
        self._remove_from_indices(place)
        self._objects[place] = item
        for mark, marked in self._indices.items():
            marked.setdefault(mark(item), {})[place] = item

    def remove(self, name: NamespacedName) -> None:
        """Forget what is at that place, if anything is."""
        self._remove_from_indices(name)
        self._objects.pop(name, None)

    def get(self, name: NamespacedName) -> Manifest | None:
        """What is at that place."""
        return self._objects.get(name)

    def all(self) -> list[Manifest]:
        """All objects."""
        return list(self._objects.values())

    def find(self, index: IndexFunction, value: Hashable) -> list[Manifest]:
        """The objects with that value of one of the marks."""
        return list(self._indices[index].get(value, {}).values())

    def _remove_from_indices(self, name: NamespacedName) -> None:
        if (kept := self._objects.get(name)) is None:
            return
        for mark, marked in self._indices.items():
            value = mark(kept)
            del marked[value][name]
            if not marked[value]:
                del marked[value]


def namespaced_name(item: Mapping[str, Any]) -> NamespacedName:
    """The place of an object."""
    return item["metadata"]["namespace"], item["metadata"]["name"]
