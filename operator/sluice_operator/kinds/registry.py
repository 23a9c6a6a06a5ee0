"""The registry of kinds. A new kind is added to the tuple at the end, and nowhere else."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from sluice_operator.api.source import Source
from sluice_operator.desired.component import Component
from sluice_operator.desired.naming import source_label
from sluice_operator.kinds.kind import Kind
from sluice_operator.kinds.labeler import LABELER
from sluice_operator.kinds.relay import RELAY
from sluice_operator.kinds.source_key import OwnerLabel
from sluice_operator.kubernetes.client import ApiResource


class Kinds:
    """The kinds that are served, in order. Raises ValueError if two of them would share a name."""

    def __init__(self, *kinds: Kind) -> None:
        self._by_name = {kind.name: kind for kind in kinds}
        self._resources = tuple(kind.resource for kind in kinds)
        self._labels = {kind.name: source_label(kind.name) for kind in kinds}
        _check_distinct("kind", [kind.name for kind in kinds])
        _check_distinct(
            "name on the command line", [name for kind in kinds for name in (kind.plural, *kind.short_names)]
        )
        # Children of two sources of one name, but of different kinds, have different names by their fields.
        _check_distinct("component", [component.name for component in self.components])
        _check_distinct("field of a component", [component.field for component in self.components])

    def __iter__(self) -> Iterator[Kind]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)

    def __getitem__(self, name: str) -> Kind:
        return self._by_name[name]

    def of(self, source: Source) -> Kind:
        """The kind of a source."""
        return self._by_name[type(source).__name__]

    @property
    def resources(self) -> tuple[ApiResource, ...]:
        """Where the API server serves the objects of all kinds."""
        return self._resources

    @property
    def components(self) -> tuple[Component, ...]:
        """The components of all kinds."""
        return tuple(component for kind in self for component in kind.components)

    def owner_label_of(self, child: Mapping[str, Any]) -> OwnerLabel | None:
        """The owner label of `child`, or None if it has none."""
        metadata = child["metadata"]
        labels = metadata.get("labels") or {}
        for kind, label in self._labels.items():
            if label in labels:
                return kind, metadata["namespace"], labels[label]
        return None


def _check_distinct(what: str, names: Iterable[str]) -> None:
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise ValueError(f"two kinds have the same {what}: {', '.join(repeated)}")


KINDS: Final = Kinds(RELAY, LABELER)

RELAYS: Final = RELAY.resource
LABELERS: Final = LABELER.resource
SOURCES: Final = {kind.name: kind.resource for kind in KINDS}
owner_label_of: Final = KINDS.owner_label_of
