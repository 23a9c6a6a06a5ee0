"""The Lease of a namespace as two releases read it: which of them serves it.

Pure. The holder is the release, not the pod: a new leader of the same release goes on at once. An annotation names the
process that wrote last, so that a process sees when another one of the same name has taken its place.

A Lease that its holder has freed is left to another replica of the same release for a moment, so that an upgrade of one
release does not hand its namespaces to the other.
"""

from typing import Any, Final, TypeAlias

from sluice_operator.kubernetes.client import ApiError
from sluice_operator.kubernetes.leader_lease import RELEASED_DURATION_SECONDS, LeaseConfig, ObservedLease, holder_of

Manifest: TypeAlias = dict[str, Any]

LEASE_NAME: Final = "sluice.dev"
"""Of the Lease, the same in each namespace. No release can give this name to the Lease of its leader."""
INSTANCE_ANNOTATION: Final = "sluice.dev/instance"
DURATION_SECONDS: Final = 60
"""So long after its last renewal a Lease is void."""
RENEW_SECONDS: Final = 20.0
"""How often it is renewed."""
WRITE_DEADLINE_SECONDS: Final = 40.0
"""So long after its last renewal was sent the holder writes nothing more in that namespace."""
RELEASE_GRACE_SECONDS: Final = 10.0
"""For how long a Lease that was freed is left to the release that has freed it."""

_TERMINATING: Final = "because it is being terminated"


def lease_config(namespace: str) -> LeaseConfig:
    """Which Lease, and for how long it is held without a renewal."""
    return LeaseConfig(namespace=namespace, name=LEASE_NAME, duration_seconds=DURATION_SECONDS)


def with_instance(lease: Manifest, *, instance: str) -> Manifest:
    """`lease`, with the process that writes it."""
    metadata = lease["metadata"]
    annotations = (metadata.get("annotations") or {}) | {INSTANCE_ANNOTATION: instance}
    return lease | {"metadata": metadata | {"annotations": annotations}}


def instance_of(lease: Manifest | None) -> str:
    """The process that has written `lease` last, such as `sluice-system/sluice-operator_1f3a`; or nothing."""
    return str((((lease or {}).get("metadata") or {}).get("annotations") or {}).get(INSTANCE_ANNOTATION, ""))


def is_held_by(lease: Manifest | None, *, instance: str, release: str) -> bool:
    """Whether that process of that release holds it."""
    return holder_of(lease) == release and instance_of(lease) == instance


def belongs_to(lease: Manifest | None, *, release: str) -> bool:
    """Whether that release holds it, or was the last to hold it."""
    return (holder_of(lease) or instance_of(lease).rpartition("_")[0]) == release


def seconds_until_free(observed: ObservedLease, now: float, *, release: str) -> float:
    """For how long from `now` on `release` may not take it from another release; 0 if it may."""
    if held := observed.held_seconds(now, min_duration_seconds=DURATION_SECONDS):
        return held
    if observed.lease is None or belongs_to(observed.lease, release=release):
        return 0.0
    if observed.holder:
        return 0.0
    # Emptied by hand, and not by its holder, who may not know it yet.
    is_freed = (observed.lease.get("spec") or {}).get("leaseDurationSeconds") == RELEASED_DURATION_SECONDS
    return max(0.0, observed.since + (RELEASE_GRACE_SECONDS if is_freed else DURATION_SECONDS) - now)


def is_namespace_terminating(error: ApiError) -> bool:
    """Whether a Lease can't be made since the whole namespace is being deleted."""
    return _TERMINATING in error.message


def served_by_another_message(namespace: str, holder: str) -> str:
    """What is told of a namespace that another release serves."""
    return (
        f"namespace {namespace} is served by another release, {holder}: uninstall one of the two, or limit them to "
        f"different namespaces with watchNamespaces"
    )


def lease_forbidden_message(namespace: str, error: ApiError) -> str:
    """What is told of a namespace in which the rights on Leases are missing."""
    return (
        f"namespace {namespace} is not served until the operator may get, create, update and delete the Lease "
        f"{LEASE_NAME} there, as the chart's Role allows (helm upgrade makes it): {error.message}"
    )
