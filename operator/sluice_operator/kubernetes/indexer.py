"""Objects of one kind, found by their place and by their marks without looking through all.

A mark is what objects are asked for by, such as the label of those that belong together. It is read from the object
as that is put or removed, and nowhere else is anything put or removed: so what is found by a mark is what a look
through all would find. For that, an object that was put is never changed, only replaced.
"""

from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeAlias

from sluice_operator.kubernetes.client import Manifest

Place: TypeAlias = tuple[str, str]
"""Namespace and name."""

Mark: TypeAlias = Callable[[Manifest], Hashable]
"""Reads a mark from an object."""


class Index:
    """Objects of one kind, of which no two have one place."""

    def __init__(self, *marks: Mark) -> None:
        self._objects: dict[Place, Manifest] = {}
        self._marked: dict[Mark, dict[Hashable, dict[Place, Manifest]]] = {mark: {} for mark in marks}

    def put(self, found: Manifest) -> None:
        """Take `found` in, instead of what is at its place."""
        place = place_of(found)
        self._unmark(place)
        self._objects[place] = found
        for mark, marked in self._marked.items():
            marked.setdefault(mark(found), {})[place] = found

    def remove(self, place: Place) -> None:
        """Forget what is at that place, if anything is."""
        self._unmark(place)
        self._objects.pop(place, None)

    def get(self, place: Place) -> Manifest | None:
        """What is at that place."""
        return self._objects.get(place)

    def all(self) -> list[Manifest]:
        """All objects."""
        return list(self._objects.values())

    def by(self, mark: Mark, value: Hashable) -> list[Manifest]:
        """The objects with that value of one of the marks."""
        return list(self._marked[mark].get(value, {}).values())

    def _unmark(self, place: Place) -> None:
        if (kept := self._objects.get(place)) is None:
            return
        for mark, marked in self._marked.items():
            value = mark(kept)
            del marked[value][place]
            if not marked[value]:
                del marked[value]


def place_of(item: Mapping[str, Any]) -> Place:
    """The place of an object."""
    return item["metadata"]["namespace"], item["metadata"]["name"]
