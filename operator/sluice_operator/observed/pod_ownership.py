"""Decides which Deployment a pod belongs to. Pure.

Labels are not enough: a copy of a pod has the same labels. A pod of a Deployment is controlled by a ReplicaSet. The
name of the ReplicaSet is the name of the Deployment and the pod-template-hash, which the pod has as a label. So the
operator need not read ReplicaSets.
"""

from collections.abc import Mapping
from typing import Any, Final

TEMPLATE_HASH: Final = "pod-template-hash"


def is_of_deployment(pod: Mapping[str, Any], name: str) -> bool:
    """Whether the Deployment of that name in the pod's namespace created `pod`."""
    metadata = pod["metadata"]
    digest = (metadata.get("labels") or {}).get(TEMPLATE_HASH)
    return any(
        owner.get("controller") is True
        and owner.get("kind") == "ReplicaSet"
        and str(owner.get("apiVersion", "")).startswith("apps/")
        and owner.get("name") == f"{name}-{digest}"
        for owner in metadata.get("ownerReferences") or []
    )
