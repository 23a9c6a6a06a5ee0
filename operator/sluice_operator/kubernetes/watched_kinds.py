"""Which kinds of objects are watched, and how a child names its source. The registry of kinds fills this in."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sluice_operator.kubernetes.api_resource import ApiResource, Manifest
from sluice_operator.kubernetes.indexer import IndexFunction
from sluice_operator.kubernetes.source_key import SourceKey

OwnerLabel: TypeAlias = tuple[str, str, str]
"""Kind and namespace of a source, and its name as the value of a label."""


Sharers: TypeAlias = tuple[IndexFunction, Hashable]
"""One of `source_indexes`, and its value for the sources that share a child."""


@dataclass(frozen=True, kw_only=True, eq=False)
class WatchedKinds:
    """The kinds of sources and of children."""

    sources: Mapping[str, ApiResource]
    """By kind."""
    children: tuple[ApiResource, ...]
    """Without these nothing can be served."""
    child_selector: str
    """The label selector for children."""
    owner_label_of: Callable[[Mapping[str, Any]], OwnerLabel | None]
    """Reads the label by which a child names its source. None if it has no such label."""
    owner_label_for: Callable[[SourceKey], OwnerLabel]
    """The label that the children of a source have."""
    sharers_of: Callable[[Mapping[str, Any]], Sharers | None] = lambda _: None
    """How to look up the sources that share a child. None if it belongs to one source."""
    trims: Mapping[ApiResource, Callable[[Mapping[str, Any]], Manifest]] = field(default_factory=dict)
    """By kind: removes the fields of an object that nobody reads, so that they take no memory."""
    source_indexes: tuple[IndexFunction, ...] = ()
    """Further values by which sources are looked up."""

    @property
    def all(self) -> tuple[ApiResource, ...]:
        """All that are watched."""
        return (*self.sources.values(), *self.children)

    def is_source(self, api: ApiResource) -> bool:
        """Whether that is a kind of source."""
        return self.sources.get(api.kind) == api

    def label_selector(self, api: ApiResource) -> str:
        """The label selector by which objects of that kind are listed and watched. Sources need none."""
        return "" if self.is_source(api) else self.child_selector
