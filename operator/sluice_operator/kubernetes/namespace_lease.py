"""The content of a namespace's Lease: which release of the operator serves that namespace. Pure.

The holder is the release, not the pod, so a new leader of the same release goes on at once. An annotation names the
process that wrote the Lease last, so a process can detect that another process of its release has taken over.

After a release has released a Lease, only that release may take it for some seconds. So an upgrade of one release does
not hand its namespaces to another.
"""

from typing import Final

from sluice_operator.kubernetes.api_resource import Manifest
from sluice_operator.kubernetes.errors import ApiError
from sluice_operator.kubernetes.leader_lease import RELEASED_DURATION_SECONDS, LeaseConfig, ObservedLease, holder_of

LEASE_NAME: Final = "sluice.dev"
"""The name of the Lease in each namespace. The settings refuse it as the name of the leader's Lease."""
INSTANCE_ANNOTATION: Final = "sluice.dev/instance"
DURATION_SECONDS: Final = 60
"""A Lease expires this long after its last renewal."""
RENEW_SECONDS: Final = 20.0
"""How often the Lease is renewed."""
WRITE_DEADLINE_SECONDS: Final = 40.0
"""The holder stops writing in the namespace this long after it sent its last renewal."""
RELEASE_GRACE_SECONDS: Final = 10.0
"""For how long only the release that released a Lease may take it."""

_TERMINATING: Final = "because it is being terminated"


def lease_config(namespace: str) -> LeaseConfig:
    """The Lease of that namespace, and its duration."""
    return LeaseConfig(namespace=namespace, name=LEASE_NAME, duration_seconds=DURATION_SECONDS)


def with_instance(lease: Manifest, *, instance: str) -> Manifest:
    """`lease`, annotated with the process that writes it."""
    metadata = lease["metadata"]
    annotations = (metadata.get("annotations") or {}) | {INSTANCE_ANNOTATION: instance}
    return lease | {"metadata": metadata | {"annotations": annotations}}


def instance_of(lease: Manifest | None) -> str:
    """The process that wrote `lease` last, such as `sluice-system/sluice-operator_1f3a`, or an empty string."""
    return str((((lease or {}).get("metadata") or {}).get("annotations") or {}).get(INSTANCE_ANNOTATION, ""))


def is_held_by(lease: Manifest | None, *, instance: str, release: str) -> bool:
    """Whether that process of that release holds it."""
    return holder_of(lease) == release and instance_of(lease) == instance


def belongs_to(lease: Manifest | None, *, release: str) -> bool:
    """Whether that release holds it, or was the last to hold it."""
    return (holder_of(lease) or instance_of(lease).rpartition("_")[0]) == release


def seconds_until_free(observed: ObservedLease, now: float, *, release: str) -> float:
    """The seconds from `now` until `release` may take the Lease from another release. 0 if it may now."""
    if held := observed.held_seconds(now, min_duration_seconds=DURATION_SECONDS):
        return held
    if observed.lease is None or belongs_to(observed.lease, release=release) or observed.holder:
        return 0.0
    # If a person removed the holder, the holder may not know it yet.
    is_released = (observed.lease.get("spec") or {}).get("leaseDurationSeconds") == RELEASED_DURATION_SECONDS
    grace = RELEASE_GRACE_SECONDS if is_released else DURATION_SECONDS
    return max(0.0, observed.since + grace - now)


def is_namespace_terminating(error: ApiError) -> bool:
    """Whether a Lease can't be created because the whole namespace is being deleted."""
    return _TERMINATING in error.message


def served_by_another_message(namespace: str, holder: str) -> str:
    """Why a namespace is not served: another release serves it."""
    return (
        f"namespace {namespace} is served by another release, {holder}: uninstall one of the two, or limit them to "
        f"different namespaces with watchNamespaces"
    )


def lease_forbidden_message(namespace: str, error: ApiError) -> str:
    """Why a namespace is not served: the operator has no rights on Leases there."""
    return (
        f"namespace {namespace} is not served until the operator may get, create, update and delete the Lease "
        f"{LEASE_NAME} there. The chart's Role allows that (helm upgrade creates it): {error.message}"
    )
