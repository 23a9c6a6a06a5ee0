"""The Lease as both sides read it: who leads, for how long that holds, and what is written to take, renew and free it.

Pure. The clocks of two nodes are never compared: a Lease is held for as long as its own duration says since it was
last *seen to change* by whoever asks, on that one's monotonic clock. The times in it are for people.

People may edit or delete it. Its holder learns of that only when it renews it, and may lead until then: what was not
freed by its holder stays held for a whole duration, and nobody's hand makes that shorter than all agree on.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol, TypeAlias

Manifest: TypeAlias = dict[str, Any]

RELEASED_DURATION_SECONDS: Final = 1
"""The duration of a Lease that nobody holds: the API server refuses 0."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LeaseConfig:
    """Which Lease, and for how long it is held without a renewal."""

    namespace: str
    name: str
    duration_seconds: int

    @property
    def renew_deadline_seconds(self) -> float:
        """So long after its last renewal was *sent* the leader ends: three tenths of the duration before another
        may lead, for what it has asked the API server until then to be answered.
        """
        return 0.7 * self.duration_seconds

    @property
    def retry_period_seconds(self) -> float:
        """How often it is renewed, and looked at by the others."""
        return 0.2 * self.duration_seconds

    @property
    def retry_after_error_seconds(self) -> float:
        """How soon the leader tries again after an attempt that has failed."""
        return 0.05 * self.duration_seconds

    @property
    def request_timeout_seconds(self) -> float:
        """How long one attempt may take: a second one must fit before the deadline."""
        return 0.25 * self.duration_seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class ObservedLease:
    """A Lease, and since when it is unchanged."""

    lease: Manifest | None
    since: float
    """On the monotonic clock of whoever has seen it, in seconds."""
    is_taken_from_holder: bool = False
    """Whether it was taken from its holder, who may not know it yet."""

    @property
    def holder(self) -> str:
        """Who leads, or nothing."""
        return holder_of(self.lease)

    def held_seconds(self, now: float, *, min_duration_seconds: float) -> float:
        """For how long from `now` on nobody else may take it; 0 if anybody may. Whatever it says of itself, it is held
        for `least` seconds, if it is held.
        """
        if not self.holder and not self.is_taken_from_holder:
            return 0.0
        duration = max(min_duration_seconds, float(_spec(self.lease).get("leaseDurationSeconds") or 0))
        return max(0.0, self.since + duration - now)


class LeaseUpdate(Protocol):
    """What its holder makes of a Lease."""

    def __call__(self, lease: Manifest, config: LeaseConfig, /, *, at: datetime) -> Manifest:
        """What to write in place of `lease`."""


def observe(before: ObservedLease | None, lease: Manifest | None, *, now: float) -> ObservedLease:
    """What is seen now: a Lease whose spec is as it was `before` is as old as that."""
    if before is not None and _spec(before.lease) == _spec(lease):
        return ObservedLease(lease=lease, since=before.since, is_taken_from_holder=before.is_taken_from_holder)
    was_held = before is not None and (before.holder != "" or before.is_taken_from_holder)
    return ObservedLease(
        lease=lease, since=now, is_taken_from_holder=was_held and not holder_of(lease) and not _is_released(lease)
    )


def holder_of(lease: Manifest | None) -> str:
    """Who holds a Lease, or nothing."""
    return _spec(lease).get("holderIdentity") or ""


def acquired(lease: Manifest | None, config: LeaseConfig, *, identity: str, at: datetime) -> Manifest:
    """What to write to take the free `lease`, or to create it (None).

    It keeps the resource version that was read, so of two that try at once the API server refuses one.
    """
    spec = _spec(lease)
    head = lease or {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"namespace": config.namespace, "name": config.name},
    }
    return head | {
        "spec": spec
        | {
            "holderIdentity": identity,
            "leaseDurationSeconds": config.duration_seconds,
            "acquireTime": _format_time(at),
            "renewTime": _format_time(at),
            "leaseTransitions": (spec.get("leaseTransitions") or 0) + (lease is not None),
        }
    }


def renewed(lease: Manifest, config: LeaseConfig, *, at: datetime) -> Manifest:
    """What to write to go on holding `lease`."""
    spec = {"leaseDurationSeconds": config.duration_seconds, "renewTime": _format_time(at)}
    return lease | {"spec": lease["spec"] | spec}


def released(lease: Manifest, _config: LeaseConfig, *, at: datetime) -> Manifest:
    """What to write for others to take `lease` at once."""
    free = {"holderIdentity": "", "leaseDurationSeconds": RELEASED_DURATION_SECONDS, "renewTime": _format_time(at)}
    return lease | {"spec": lease["spec"] | free}


def _is_released(lease: Manifest | None) -> bool:
    """Whether its holder itself has let it go."""
    return bool(_spec(lease).get("leaseDurationSeconds") == RELEASED_DURATION_SECONDS)


def _spec(lease: Manifest | None) -> Manifest:
    return (lease or {}).get("spec") or {}


def _format_time(at: datetime) -> str:
    """As a MicroTime of Kubernetes."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
