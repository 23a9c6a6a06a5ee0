"""The content of the leader's Lease: how to read it, and what to write to acquire, renew and release it. Pure.

The clocks of two nodes are never compared. A process notes on its own monotonic clock when it last saw the Lease
change. From then on, the Lease is held for its duration. The times in the Lease are for people.

A person can edit or delete the Lease, and its holder finds out at its next renewal. So a Lease that its holder did not
release is held for its full duration. An edit can't shorten that time.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from sluice_operator.kubernetes.api_resource import Manifest

RELEASED_DURATION_SECONDS: Final = 1
"""The duration in a Lease that was released: the API server refuses 0."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LeaseConfig:
    """Which Lease, and for how long it is held without a renewal."""

    namespace: str
    name: str
    duration_seconds: int

    @property
    def renew_deadline_seconds(self) -> float:
        """The leader exits this long after it sent its last successful renewal.

        The remaining three tenths of the duration are for its last requests to finish.
        """
        return 0.7 * self.duration_seconds

    @property
    def retry_period_seconds(self) -> float:
        """How often the leader renews the Lease, and the others read it."""
        return 0.2 * self.duration_seconds

    @property
    def retry_after_error_seconds(self) -> float:
        """How soon the leader tries again after an attempt that failed."""
        return 0.05 * self.duration_seconds

    @property
    def request_timeout_seconds(self) -> float:
        """How long one attempt may take. Two must fit before the deadline."""
        return 0.25 * self.duration_seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class ObservedLease:
    """A Lease, and when it was last seen to change."""

    lease: Manifest | None
    since: float
    """On the monotonic clock of the observer, in seconds."""
    is_taken_from_holder: bool = False
    """Whether somebody else removed the holder, who may not know it yet."""

    @property
    def holder(self) -> str:
        """Who holds it, or an empty string."""
        return holder_of(self.lease)

    def held_seconds(self, now: float, *, min_duration_seconds: float) -> float:
        """The seconds from `now` until another process may take it. 0 if any process may.

        A held Lease is held for at least `min_duration_seconds`, whatever duration it names.
        """
        if not self.holder and not self.is_taken_from_holder:
            return 0.0
        duration = max(min_duration_seconds, float(_spec(self.lease).get("leaseDurationSeconds") or 0))
        return max(0.0, self.since + duration - now)


class LeaseUpdate(Protocol):
    """How the holder changes its Lease: `renewed` or `released`."""

    def __call__(self, lease: Manifest, config: LeaseConfig, /, *, at: datetime) -> Manifest:
        """What to write in place of `lease`."""


def observe(before: ObservedLease | None, lease: Manifest | None, *, now: float) -> ObservedLease:
    """What is known after `lease` was read. The time of the last change stays if its spec is as it was `before`."""
    if before is not None and _spec(before.lease) == _spec(lease):
        return ObservedLease(lease=lease, since=before.since, is_taken_from_holder=before.is_taken_from_holder)
    was_held = before is not None and (before.holder != "" or before.is_taken_from_holder)
    is_taken = was_held and not holder_of(lease) and not _is_released(lease)
    return ObservedLease(lease=lease, since=now, is_taken_from_holder=is_taken)


def holder_of(lease: Manifest | None) -> str:
    """Who holds a Lease, or an empty string."""
    return _spec(lease).get("holderIdentity") or ""


def acquired(lease: Manifest | None, config: LeaseConfig, *, identity: str, at: datetime) -> Manifest:
    """What to write to acquire the free `lease`, or to create it (None).

    It keeps the resource version that was read. So if two processes try at the same time, the API server refuses one.
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
    """What to write to keep `lease`."""
    spec = {"leaseDurationSeconds": config.duration_seconds, "renewTime": _format_time(at)}
    return lease | {"spec": lease["spec"] | spec}


def released(lease: Manifest, _config: LeaseConfig, *, at: datetime) -> Manifest:
    """What to write so that others may take `lease` at once."""
    free = {"holderIdentity": "", "leaseDurationSeconds": RELEASED_DURATION_SECONDS, "renewTime": _format_time(at)}
    return lease | {"spec": lease["spec"] | free}


def _is_released(lease: Manifest | None) -> bool:
    """Whether its holder itself released it."""
    return bool(_spec(lease).get("leaseDurationSeconds") == RELEASED_DURATION_SECONDS)


def _spec(lease: Manifest | None) -> Manifest:
    return (lease or {}).get("spec") or {}


def _format_time(at: datetime) -> str:
    """As a MicroTime of Kubernetes."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
