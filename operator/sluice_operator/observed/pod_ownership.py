"""Decides which Deployment a pod belongs to. Pure.

Labels do not decide: a copy of a pod has the same labels. A pod of a Deployment is controlled by a ReplicaSet, whose
name is that of the Deployment and the hash of the pod template. The pod has that hash as a label. So the pod alone is
enough, and the operator need not read ReplicaSets.
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
