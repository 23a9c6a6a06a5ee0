"""Keys of sources: how the work queue names one, and how a child's labels name its owner."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from sluice_operator.api.source import Source
from sluice_operator.desired.naming import label_value

OwnerLabel: TypeAlias = tuple[str, str, str]
"""Kind and namespace of a source, and its name as the value of a label."""


@dataclass(frozen=True, slots=True)
class SourceKey:
    """Identifies one source: an item of the work queue."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


def object_key(source: Mapping[str, Any]) -> SourceKey:
    """The key of a source's object."""
    metadata = source["metadata"]
    return SourceKey(source["kind"], metadata["namespace"], metadata["name"])


def source_key(source: Source) -> SourceKey:
    """The key of a source."""
    return SourceKey(type(source).__name__, source.metadata.namespace, source.metadata.name)


def owner_label_for(key: SourceKey) -> OwnerLabel:
    """The owner label on the children of the source with that key."""
    return key.kind, key.namespace, label_value(key.name)
