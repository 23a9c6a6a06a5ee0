"""The state of one child that is kept between two reconciles, so that an unchanged child causes no request."""

import json
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Final

from sluice_common.clock import Clock
from sluice_operator.desired.diff import Difference
from sluice_operator.desired.field_paths import FieldPath, value_at
from sluice_operator.kubernetes.api_resource import Manifest
from sluice_operator.observed.contested_messages import admission_contest, manager_contest
from sluice_operator.observed.facts.children import Contest, Refusal
from sluice_operator.reconcile.contested_fields import FIRST_PAUSE, MAX_PAUSE, ContestedFields, not_within

_UID_PATH: Final[FieldPath] = ("metadata", "uid")
_COMPARED_METADATA: Final = ("uid", "generation", "labels", "annotations", "ownerReferences", "deletionTimestamp")
_MISSING_OBJECT: Final = Difference(path=_UID_PATH, desired="", live=None)


@dataclass(frozen=True, kw_only=True, slots=True)
class RejectedWrite:
    """A write that the API server has refused."""

    desired_hash: str
    generation: int
    """The generation of the live object: a change of it may be what the API server refused."""
    retry_at: float
    refusal: Refusal


@dataclass(slots=True)
class _AdmissionChanges:
    """What admission changes in the object at each write."""

    by_key: dict[tuple[FieldPath, str], Difference] = field(default_factory=dict)
    pause: float = FIRST_PAUSE
    recheck_at: float = 0.0


class ChildState:
    """One child: what was written, what was refused, and what others change in it."""

    def __init__(self, *, was_contested: bool, clock: Clock) -> None:
        """`was_contested` says that the status names a contested child: before its restart, the operator has left the
        field to another writer. It then does so after two writes.
        """
        self.contested = ContestedFields(returns=1 if was_contested else 0, clock=clock)
        self.rejected: RejectedWrite | None = None
        self.desired_hash = ""
        """The hash of what was desired when the child was last in sync or written."""
        self._built: tuple[Hashable, str] | None = None
        """What the desired child was last built from, and its hash."""
        self.existed = False
        self._clock = clock
        self._in_sync: Manifest | None = None
        self._recreations = ContestedFields(clock=clock)
        self._admission = _AdmissionChanges()
        self._reported: set[str] = set()

    def are_from_admission(self, differences: Iterable[Difference]) -> bool:
        """Whether admission makes all of `differences`, according to a recent dry run."""
        keys = {_key(difference) for difference in differences}
        return not keys or (
            keys <= self._admission.by_key.keys() and self._clock.monotonic() < self._admission.recheck_at
        )

    def record_admission_changes(self, differences: Iterable[Difference], *, left_alone: Iterable[FieldPath]) -> None:
        """Record that admission makes these `differences`, except in the fields that are `left_alone`.

        They are checked again after a growing pause, because a webhook or a policy can be removed.
        """
        by_key = {_key(difference): difference for difference in not_within(differences, left_alone)}
        before = self._admission
        pause = min(MAX_PAUSE, 2 * before.pause) if by_key.keys() == before.by_key.keys() else FIRST_PAUSE
        self._admission = _AdmissionChanges(by_key=by_key, pause=pause, recheck_at=self._clock.monotonic() + pause)

    def recheck_seconds(self) -> float | None:
        """The seconds until a field that is left as it is may be written again. None if there is none."""
        now = self._clock.monotonic()
        times = [self._admission.recheck_at] if self._admission.by_key else []
        times += [one.left_alone_until for one in self.contested.unresolved().values()]
        times += [one.resolved_at for one in self.contested.unresolved().values()]
        return min((max(0.0, time - now) for time in times if time > now), default=None)

    def active_refusal(self, desired_hash: str, generation: int) -> Refusal | None:
        """The last refusal, while the same write would be refused again."""
        rejected = self.rejected
        if rejected is None or self._clock.monotonic() >= rejected.retry_at:
            return None
        return rejected.refusal if (rejected.desired_hash, rejected.generation) == (desired_hash, generation) else None

    def is_in_sync(self, live: Manifest, desired_hash: str) -> bool:
        """Whether this object was compared before, with the same desired object.

        The cache replaces objects and never changes them, so the identity of the object is compared. If only the status
        has changed since, the generation and the metadata are the same.
        """
        return desired_hash == self.desired_hash and self._is_known(live)

    def _is_known(self, live: Manifest) -> bool:
        known = self._in_sync
        return known is not None and (live is known or _differs_in_status_only(live, known))

    def is_settled(self, live: Manifest, built_from: Hashable) -> bool:
        """Whether this object was compared before, with a desired object that was built from the same."""
        return self._built == (built_from, self.desired_hash) and self._is_known(live)

    def record_build(self, built_from: Hashable, desired_hash: str) -> None:
        """Record what the desired child with this hash was built from."""
        self._built = built_from, desired_hash

    def record_in_sync(self, live: Manifest, desired_hash: str, *, is_identical: bool) -> None:
        """Record that `live` needs no write. `is_identical`: it does not differ at all."""
        self._in_sync, self.desired_hash = (live if is_identical else None), desired_hash

    def record_write(self, desired_hash: str) -> None:
        """Record that the object with this hash was written."""
        self.rejected = None
        self.desired_hash = desired_hash

    def must_defer_recreation(self) -> bool:
        """Record that the child is about to be created again. Returns whether that must wait."""
        return bool(
            self._recreations.fields_left_alone() or self._recreations.record_writes([_MISSING_OBJECT], set_by={})
        )

    def is_reported(self, what: str) -> bool:
        """Whether `what` was reported before. Records that it is reported now."""
        was = what in self._reported
        self._reported.add(what)
        return was

    def contests(self, child: str, live: Manifest) -> tuple[Contest, ...]:
        """The fields of `live` that are left as others set them; `child` is its kind and name."""
        admitted = [admission_contest(child, difference) for difference in self._admission.by_key.values()]
        others = [
            manager_contest(child, path, wanted=one.desired, found=value_at(live, path), by=one.set_by)
            for path, one in self.contested.unresolved().items()
        ]
        return (*others, *admitted)


def _differs_in_status_only(live: Manifest, before: Manifest) -> bool:
    metadata, known = live["metadata"], before["metadata"]
    return "generation" in metadata and all(metadata.get(name) == known.get(name) for name in _COMPARED_METADATA)


def _key(difference: Difference) -> tuple[FieldPath, str]:
    return difference.path, json.dumps(difference.live, sort_keys=True, default=str)
