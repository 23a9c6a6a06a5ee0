"""Whose pod it is. Pure.

Labels say nothing of that: whoever copies a pod copies them. A pod of a Deployment is controlled by one of its
ReplicaSets, and a ReplicaSet is called after its Deployment and the hash of the pod's template, which the pod bears as
a label. So the pod alone tells, and ReplicaSets need not be read.
"""

from collections.abc import Mapping
from typing import Any, Final

TEMPLATE_HASH: Final = "pod-template-hash"


def is_of_deployment(pod: Mapping[str, Any], name: str) -> bool:
    """Whether the Deployment of that name, in the pod's namespace, has made `pod`."""
    metadata = pod["metadata"]
    digest = (metadata.get("labels") or {}).get(TEMPLATE_HASH)
    return any(
        owner.get("controller") is True
        and owner.get("kind") == "ReplicaSet"
        and str(owner.get("apiVersion", "")).startswith("apps/")
        and owner.get("name") == f"{name}-{digest}"
        for owner in metadata.get("ownerReferences") or []
    )
