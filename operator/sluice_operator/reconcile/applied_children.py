"""What is remembered of one child, so that nothing is asked or written at rest."""

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from sluice_operator.desired.child_metadata import Manifest
from sluice_operator.desired.diff import Difference
from sluice_operator.desired.field_paths import Path, value_at
from sluice_operator.observed.contested_messages import by_admission, by_others
from sluice_operator.observed.facts import Contest, Refusal
from sluice_operator.reconcile.contested_fields import FIRST_PAUSE, LONGEST_PAUSE, Contests, outside

_GONE: Final[Path] = ("metadata", "uid")
_EXISTENCE: Final = Difference(path=_GONE, wanted="", found=None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """What the API server has refused."""

    stamp: str
    generation: int
    """Of what was there: a write may be refused because somebody had changed that meanwhile."""
    until: float
    refusal: Refusal


@dataclass(slots=True)
class _Explained:
    """What is otherwise than wanted and stays so, since admission makes it so at each write."""

    by_key: dict[tuple[Path, str], Difference] = field(default_factory=dict)
    pause: float = FIRST_PAUSE
    until: float = 0.0


class Memory:
    """One child, as far as it must be remembered."""

    def __init__(self, *, was_contested: bool) -> None:
        """`was_contested` tells whether an operator before this one has left a field to somebody else: then it is left
        again after two writes.
        """
        self.contests = Contests(returns=1 if was_contested else 0)
        self.refused: Refused | None = None
        self.stamp = ""
        """Of what was wanted when it was last seen to be there."""
        self.was_there = False
        self._right: Manifest | None = None
        self._existence = Contests()
        self._explained = _Explained()
        self._told: set[str] = set()

    def explains(self, found: Iterable[Difference]) -> bool:
        """Whether `found` are all admission's, as was seen a short time ago."""
        keys = {_key(difference) for difference in found}
        return not keys or (keys <= self._explained.by_key.keys() and time.monotonic() < self._explained.until)

    def explain(self, found: Iterable[Difference], *, left: Iterable[Path]) -> None:
        """Remember that the API server itself makes `found` of what is wanted, but for the fields that are `left`.

        It is asked again after a pause that grows, for a webhook or a policy may go.
        """
        by_key = {_key(difference): difference for difference in outside(found, left)}
        before = self._explained
        pause = min(LONGEST_PAUSE, 2 * before.pause) if by_key.keys() == before.by_key.keys() else FIRST_PAUSE
        self._explained = _Explained(by_key=by_key, pause=pause, until=time.monotonic() + pause)

    def still_refused(self, stamp: str, generation: int) -> Refusal | None:
        """The refusal, while it is no use to try again."""
        memory = self.refused
        if memory is None or time.monotonic() >= memory.until:
            return None
        return memory.refusal if (memory.stamp, memory.generation) == (stamp, generation) else None

    def is_known_right(self, live: Manifest, stamp: str) -> bool:
        """Whether this very object was found to be as that `stamp` says: objects in the store are never changed, a
        newer one takes their place.
        """
        return live is self._right and stamp == self.stamp

    def note_right(self, live: Manifest, stamp: str, *, is_whole: bool) -> None:
        """Nothing is to be done about `live`; `is_whole` if it does not differ at all."""
        self._right, self.stamp = (live if is_whole else None), stamp

    def note_write(self, stamp: str) -> None:
        """What bears that `stamp` was written."""
        self.refused = None
        self.stamp = stamp

    def is_deleted_again(self) -> bool:
        """Note that the child is missing and about to be made again. Whether that is to wait."""
        return bool(self._existence.left() or self._existence.note([_EXISTENCE], who={}))

    def is_told(self, what: str) -> bool:
        """Whether that was told before; from now on it was."""
        was = what in self._told
        self._told.add(what)
        return was

    def told_contests(self, child: str, live: Manifest) -> tuple[Contest, ...]:
        """The fields of `live` that are left as somebody else has them."""
        admitted = [by_admission(child, difference) for difference in self._explained.by_key.values()]
        others = [
            by_others(child, path, wanted=fight.wanted, found=value_at(live, path), by=fight.by)
            for path, fight in self.contests.open().items()
        ]
        return (*others, *admitted)


def _key(difference: Difference) -> tuple[Path, str]:
    return difference.path, json.dumps(difference.found, sort_keys=True, default=str)
