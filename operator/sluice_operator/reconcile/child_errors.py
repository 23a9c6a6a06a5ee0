"""Why a child is not as it should be, in words that say what to do about it. Pure."""

from collections.abc import Mapping
from typing import Any

from sluice_operator.kubernetes.client import ApiError, Manifest
from sluice_operator.observed.facts import Refusal
from sluice_operator.status.reasons import ConditionReason


def repeatedly_deleted(desired: Manifest) -> Refusal:
    """Somebody deletes the child each time that it is made."""
    message = (
        f"{kind_and_name(desired)} is deleted by somebody else again and again, and is made again ever more rarely: "
        "find out who does it (the API server's audit log tells) and make an exception for it"
    )
    return Refusal(reason=ConditionReason.CONTESTED, message=message)


def name_taken(live: Manifest) -> Refusal:
    """The child's name is taken."""
    message = (
        f"{kind_and_name(live)} exists and belongs to somebody else: rename this resource, or delete that object "
        f"(`{_delete_command(live)}`)"
    )
    return Refusal(reason=ConditionReason.CHILD_CONFLICT, message=message)


def terminating(live: Manifest) -> Refusal:
    """The child's name is still that of a child of a former resource."""
    message = (
        f"{kind_and_name(live)} is that of a former resource of this kind and name: it is made anew when the garbage "
        "collector has removed that"
    )
    return Refusal(reason=ConditionReason.PROGRESSING, message=message, is_transient=True)


def rejected(desired: Manifest, live: Manifest | None, error: ApiError) -> Refusal:
    """The API server refuses the child."""
    if error.is_immutable_field and live is not None:
        advice = f"delete it, so that it is made anew: `{_delete_command(live)}`"
    elif desired["kind"] == "Deployment":
        advice = "mend spec.podTemplate, spec.deployment or spec.image, or what forbids it"
    else:
        advice = "mend what forbids it, or name a Secret of your own in spec.redis.secretRef"
    message = f"The API server refuses {kind_and_name(desired)}: {error.message}; {advice}"
    return Refusal(reason=ConditionReason.CHILD_REFUSED, message=message)


def kind_and_name(manifest: Mapping[str, Any]) -> str:
    """Kind and name."""
    return f"{manifest['kind']} {manifest['metadata']['name']}"


def _delete_command(live: Manifest) -> str:
    metadata = live["metadata"]
    return f"kubectl -n {metadata['namespace']} delete {str(live['kind']).lower()} {metadata['name']}"
