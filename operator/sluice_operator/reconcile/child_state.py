"""What is remembered of one child, so that nothing is asked or written at rest."""

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from sluice_operator.desired.child_metadata import Manifest
from sluice_operator.desired.diff import Difference
from sluice_operator.desired.field_paths import FieldPath, value_at
from sluice_operator.observed.contested_messages import admission_contest, manager_contest
from sluice_operator.observed.facts import Contest, Refusal
from sluice_operator.reconcile.contested_fields import FIRST_PAUSE, MAX_PAUSE, ContestedFields, not_within

_UID_PATH: Final[FieldPath] = ("metadata", "uid")
_MISSING_OBJECT: Final = Difference(path=_UID_PATH, desired="", live=None)


@dataclass(frozen=True, kw_only=True, slots=True)
class RejectedWrite:
    """What the API server has refused."""

    desired_hash: str
    generation: int
    """Of what was there: a write may be refused because somebody had changed that meanwhile."""
    retry_at: float
    refusal: Refusal


@dataclass(slots=True)
class _AdmissionChanges:
    """What is otherwise than wanted and stays so, since admission makes it so at each write."""

    by_key: dict[tuple[FieldPath, str], Difference] = field(default_factory=dict)
    pause: float = FIRST_PAUSE
    recheck_at: float = 0.0


class ChildState:
    """One child, as far as it must be remembered."""

    def __init__(self, *, was_contested: bool) -> None:
        """`was_contested` tells whether an operator before this one has left a field to somebody else: then it is left
        again after two writes.
        """
        self.contested = ContestedFields(returns=1 if was_contested else 0)
        self.rejected: RejectedWrite | None = None
        self.desired_hash = ""
        """Of what was wanted when it was last seen to be there."""
        self.existed = False
        self._in_sync: Manifest | None = None
        self._recreations = ContestedFields()
        self._admission = _AdmissionChanges()
        self._reported: set[str] = set()

    def are_from_admission(self, differences: Iterable[Difference]) -> bool:
        """Whether `found` are all admission's, as was seen a short time ago."""
        keys = {_key(difference) for difference in differences}
        return not keys or (keys <= self._admission.by_key.keys() and time.monotonic() < self._admission.recheck_at)

    def record_admission_changes(self, differences: Iterable[Difference], *, yielded: Iterable[FieldPath]) -> None:
        """Remember that the API server itself makes `found` of what is wanted, but for the fields that are `left`.

        It is asked again after a pause that grows, for a webhook or a policy may go.
        """
        by_key = {_key(difference): difference for difference in not_within(differences, yielded)}
        before = self._admission
        pause = min(MAX_PAUSE, 2 * before.pause) if by_key.keys() == before.by_key.keys() else FIRST_PAUSE
        self._admission = _AdmissionChanges(by_key=by_key, pause=pause, recheck_at=time.monotonic() + pause)

    def active_refusal(self, desired_hash: str, generation: int) -> Refusal | None:
        """The refusal, while it is no use to try again."""
        memory = self.rejected
        if memory is None or time.monotonic() >= memory.retry_at:
            return None
        return memory.refusal if (memory.desired_hash, memory.generation) == (desired_hash, generation) else None

    def is_in_sync(self, live: Manifest, desired_hash: str) -> bool:
        """Whether this very object was found to be as that `stamp` says: objects in the store are never changed, a
        newer one takes their place.
        """
        return live is self._in_sync and desired_hash == self.desired_hash

    def record_in_sync(self, live: Manifest, desired_hash: str, *, is_identical: bool) -> None:
        """Nothing is to be done about `live`; `is_whole` if it does not differ at all."""
        self._in_sync, self.desired_hash = (live if is_identical else None), desired_hash

    def record_write(self, desired_hash: str) -> None:
        """What bears that `stamp` was written."""
        self.rejected = None
        self.desired_hash = desired_hash

    def must_defer_recreation(self) -> bool:
        """Note that the child is missing and about to be made again. Whether that is to wait."""
        return bool(self._recreations.yielded() or self._recreations.record_writes([_MISSING_OBJECT], set_by={}))

    def is_reported(self, what: str) -> bool:
        """Whether that was told before; from now on it was."""
        was = what in self._reported
        self._reported.add(what)
        return was

    def contests(self, child: str, live: Manifest) -> tuple[Contest, ...]:
        """The fields of `live` that are left as somebody else has them."""
        admitted = [admission_contest(child, difference) for difference in self._admission.by_key.values()]
        others = [
            manager_contest(child, path, wanted=fight.desired, found=value_at(live, path), by=fight.set_by)
            for path, fight in self.contested.unresolved().items()
        ]
        return (*others, *admitted)


def _key(difference: Difference) -> tuple[FieldPath, str]:
    return difference.path, json.dumps(difference.live, sort_keys=True, default=str)
