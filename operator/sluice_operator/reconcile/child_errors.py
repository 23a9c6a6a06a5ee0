"""Messages that say why a child is not as desired, and what to do. Pure."""

from collections.abc import Mapping
from typing import Any

from sluice_operator.kubernetes.api_resource import Manifest
from sluice_operator.kubernetes.errors import ApiError
from sluice_operator.observed.facts.children import Refusal
from sluice_operator.status.condition_reasons import ConditionReason


def repeatedly_deleted(desired: Manifest) -> Refusal:
    """Somebody deletes the child each time that it is created."""
    message = (
        f"{kind_and_name(desired)} is deleted by somebody else again and again. The operator creates it again, with "
        "growing pauses: find out who deletes it (see the API server's audit log), and make an exception for it"
    )
    return Refusal(reason=ConditionReason.CONTESTED, message=message)


def name_taken(live: Manifest) -> Refusal:
    """Somebody else's object has the name of the child."""
    is_secret = live["kind"] == "Secret"
    advice = "name a Secret of your own in spec.redis.secretRef" if is_secret else "rename this resource"
    message = (
        f"{kind_and_name(live)} exists and belongs to somebody else: {advice}, or delete that object "
        f"(`{_delete_command(live)}`)"
    )
    return Refusal(reason=ConditionReason.CHILD_CONFLICT, message=message)


def terminating(live: Manifest) -> Refusal:
    """A child of a deleted resource has the name of the child. The garbage collector will remove it."""
    message = (
        f"{kind_and_name(live)} belongs to a former resource of this kind and name: it is created again when the "
        "garbage collector has deleted it"
    )
    return Refusal(reason=ConditionReason.PROGRESSING, message=message, is_transient=True)


def rejected(desired: Manifest, live: Manifest | None, error: ApiError) -> Refusal:
    """The API server refuses to write the child."""
    if error.is_immutable_field and live is not None:
        advice = f"delete it, and the operator creates it again: `{_delete_command(live)}`"
    elif desired["kind"] == "Deployment":
        advice = "correct spec.podTemplate, spec.deployment or spec.image, or change what forbids it"
    else:
        advice = "change what forbids it, or name a Secret of your own in spec.redis.secretRef"
    message = f"The API server refuses {kind_and_name(desired)}: {error.message}; {advice}"
    return Refusal(reason=ConditionReason.CHILD_REFUSED, message=message)


def kind_and_name(manifest: Mapping[str, Any]) -> str:
    """Such as `Deployment us-east-firehose`."""
    return f"{manifest['kind']} {manifest['metadata']['name']}"


def _delete_command(live: Manifest) -> str:
    metadata = live["metadata"]
    return f"kubectl -n {metadata['namespace']} delete {str(live['kind']).lower()} {metadata['name']}"
