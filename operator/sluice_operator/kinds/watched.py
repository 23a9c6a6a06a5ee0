"""What the operator watches: the sources of all kinds, and their children. A label of a child names its source, or the
pool whose sources share it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sluice_operator.desired.naming import CHILD_SELECTOR, label_value, source_label
from sluice_operator.desired.pools import POOL_LABEL, PoolKey, pool_of, pool_sharers
from sluice_operator.desired.redis_host import redis_host_of
from sluice_operator.kinds.kind import Kind
from sluice_operator.kubernetes.api_resource import DEPLOYMENTS, PODS
from sluice_operator.kubernetes.source_key import SourceKey
from sluice_operator.kubernetes.watched_kinds import OwnerLabel, Sharers, WatchedKinds
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
        sharers_of=_sharers_of,
        trims={PODS: without_unread_fields},
        source_indexes=(redis_host_of, pool_of),
    )


def _sharers_of(child: Mapping[str, Any]) -> Sharers | None:
    metadata = child["metadata"]
    name = (metadata.get("labels") or {}).get(POOL_LABEL)
    return None if name is None else pool_sharers(PoolKey(metadata["namespace"], name))


def _owner_label_for(key: SourceKey) -> OwnerLabel:
    return key.kind, key.namespace, label_value(key.name)
