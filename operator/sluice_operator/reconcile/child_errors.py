"""Why a child is not as it should be, in words that say what to do about it. Pure."""

from collections.abc import Mapping
from typing import Any

from sluice_operator.kubernetes.client import KubeError, Manifest
from sluice_operator.observed.facts import Refusal
from sluice_operator.status.reasons import Reason


def deleted_again(wanted: Manifest) -> Refusal:
    """Somebody deletes the child each time that it is made."""
    message = (
        f"{name_of(wanted)} is deleted by somebody else again and again, and is made again ever more rarely: find out "
        "who does it (the API server's audit log tells) and make an exception for it"
    )
    return Refusal(reason=Reason.CONTESTED, message=message)


def conflict(live: Manifest) -> Refusal:
    """The child's name is taken."""
    message = (
        f"{name_of(live)} exists and belongs to somebody else: rename this resource, or delete that object "
        f"(`{_deletion(live)}`)"
    )
    return Refusal(reason=Reason.CHILD_CONFLICT, message=message)


def leaving(live: Manifest) -> Refusal:
    """The child's name is still that of a child of a former resource."""
    message = (
        f"{name_of(live)} is that of a former resource of this kind and name: it is made anew when the garbage "
        "collector has removed that"
    )
    return Refusal(reason=Reason.PROGRESSING, message=message, passes=True)


def refused(wanted: Manifest, live: Manifest | None, error: KubeError) -> Refusal:
    """The API server refuses the child."""
    if error.is_of_immutable and live is not None:
        advice = f"delete it, so that it is made anew: `{_deletion(live)}`"
    elif wanted["kind"] == "Deployment":
        advice = "mend spec.podTemplate, spec.deployment or spec.image, or what forbids it"
    else:
        advice = "mend what forbids it, or name a Secret of your own in spec.redis.secretRef"
    message = f"The API server refuses {name_of(wanted)}: {error.message}; {advice}"
    return Refusal(reason=Reason.CHILD_REFUSED, message=message)


def name_of(manifest: Mapping[str, Any]) -> str:
    """Kind and name."""
    return f"{manifest['kind']} {manifest['metadata']['name']}"


def _deletion(live: Manifest) -> str:
    metadata = live["metadata"]
    return f"kubectl -n {metadata['namespace']} delete {str(live['kind']).lower()} {metadata['name']}"
