"""The key of a source: what the work queue holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class SourceKey:
    """Kind, namespace and name of a source."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


def object_key(source: Mapping[str, Any]) -> SourceKey:
    """The key of a source's object."""
    metadata = source["metadata"]
    return SourceKey(source["kind"], metadata["namespace"], metadata["name"])
