"""The kinds of source that the operator serves, and the names by which it finds what belongs to one."""

from collections.abc import Mapping
from typing import Any, Final

from sluice_operator.api.base import API_VERSION
from sluice_operator.api.labeler import LABELER, Labeler
from sluice_operator.api.relay import RELAY, Relay
from sluice_operator.api.source import Source
from sluice_operator.desired.naming import FIELD_MANAGER, SOURCE_LABELS, label_value
from sluice_operator.desired.redis_host import redis_host_of
from sluice_operator.kubernetes.api_resource import DEPLOYMENTS, PODS, ApiResource
from sluice_operator.kubernetes.source_key import SourceKey
from sluice_operator.kubernetes.watched_kinds import OwnerLabel, WatchedKinds

RELAYS: Final = ApiResource(api_version=API_VERSION, kind=RELAY.kind, plural=RELAY.plural)
LABELERS: Final = ApiResource(api_version=API_VERSION, kind=LABELER.kind, plural=LABELER.plural)
SOURCES: Final[Mapping[str, ApiResource]] = {RELAYS.kind: RELAYS, LABELERS.kind: LABELERS}
"""By kind, where its objects are found."""
MODELS: Final[Mapping[str, type[Source]]] = {RELAY.kind: Relay, LABELER.kind: Labeler}
"""By kind, how its objects are read."""

CHILD_SELECTOR: Final = f"app.kubernetes.io/managed-by={FIELD_MANAGER}"
"""The label selector for all that the operator makes."""


def source_key(source: Source) -> SourceKey:
    """The key of a source."""
    return SourceKey(type(source).__name__, source.metadata.namespace, source.metadata.name)


def owner_label_for(key: SourceKey) -> OwnerLabel:
    """The label that says of a child that it belongs to the source of that key."""
    return key.kind, key.namespace, label_value(key.name)


def owner_label_of(child: Mapping[str, Any]) -> OwnerLabel | None:
    """The label of the source that `child` says it belongs to, or None if it says none."""
    metadata = child["metadata"]
    labels = metadata.get("labels") or {}
    for kind, label in SOURCE_LABELS.items():
        if label in labels:
            return kind, metadata["namespace"], labels[label]
    return None


WATCHED_KINDS: Final = WatchedKinds(
    sources=SOURCES,
    children=(DEPLOYMENTS, PODS),
    child_selector=CHILD_SELECTOR,
    owner_label_of=owner_label_of,
    owner_label_for=owner_label_for,
    source_indexes=(redis_host_of,),
)
"""What the operator watches."""
