"""The registry of kinds. A new kind is added to the tuple at the end, and nowhere else."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from sluice_operator.kinds.kind import Kind
from sluice_operator.kinds.labeler import LABELER
from sluice_operator.kinds.relay import RELAY
from sluice_operator.kinds.watched import watched_kinds
from sluice_operator.kubernetes.watched_kinds import WatchedKinds


class Kinds:
    """The kinds that are served, in order. Raises ValueError if two of them share a name."""

    def __init__(self, *kinds: Kind) -> None:
        self._by_name = {kind.name: kind for kind in kinds}
        self.watched: Final[WatchedKinds] = watched_kinds(kinds)
        """What the operator watches for these kinds."""
        _check_distinct("kind", [kind.name for kind in kinds])
        _check_distinct("name for kubectl", [name for kind in kinds for name in (kind.plural, *kind.short_names)])
        # So that children of two sources with the same name, but of different kinds, have different names.
        _check_distinct("component", [component.name for kind in kinds for component in kind.components])
        _check_distinct("field of a component", [component.field for kind in kinds for component in kind.components])

    def __iter__(self) -> Iterator[Kind]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)

    def __getitem__(self, name: str) -> Kind:
        return self._by_name[name]


def _check_distinct(what: str, names: Iterable[str]) -> None:
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise ValueError(f"two kinds have the same {what}: {', '.join(repeated)}")


KINDS: Final = Kinds(RELAY, LABELER)
