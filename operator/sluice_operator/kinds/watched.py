"""What the operator watches: the sources of all kinds, and their children, which name their source in a label."""

from collections.abc import Iterable, Mapping
from typing import Any

from sluice_operator.desired.naming import CHILD_SELECTOR, label_value, source_label
from sluice_operator.desired.redis_host import redis_host_of
from sluice_operator.kinds.kind import Kind
from sluice_operator.kubernetes.api_resource import DEPLOYMENTS, PODS
from sluice_operator.kubernetes.source_key import SourceKey
from sluice_operator.kubernetes.watched_kinds import OwnerLabel, WatchedKinds
from sluice_operator.observed.pod_fields import without_unread_fields


def watched_kinds(kinds: Iterable[Kind]) -> WatchedKinds:
    """What is watched for `kinds`."""
    resources = {kind.name: kind.resource for kind in kinds}
    labels = {name: source_label(name) for name in resources}

    def owner_label_of(child: Mapping[str, Any]) -> OwnerLabel | None:
        metadata = child["metadata"]
        present = metadata.get("labels") or {}
        for kind, label in labels.items():
            if label in present:
                return kind, metadata["namespace"], present[label]
        return None

    return WatchedKinds(
        sources=resources,
        children=(DEPLOYMENTS, PODS),
        child_selector=CHILD_SELECTOR,
        owner_label_of=owner_label_of,
        owner_label_for=_owner_label_for,
        trims={PODS: without_unread_fields},
        source_indexes=(redis_host_of,),
    )


def _owner_label_for(key: SourceKey) -> OwnerLabel:
    return key.kind, key.namespace, label_value(key.name)
