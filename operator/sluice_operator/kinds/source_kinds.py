"""The kinds of source as the reconciler takes them: see `reconcile.kinds.SourceKind`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sluice_operator.api.source import Source
from sluice_operator.api.source_status import SourceStatus
from sluice_operator.desired.stream import DesiredStream
from sluice_operator.desired.streams import COMPONENTS, streams_of
from sluice_operator.kinds.registry import MODELS, SOURCES
from sluice_operator.kubernetes.client import ApiResource


@dataclass(frozen=True, kw_only=True, slots=True)
class RegisteredKind:
    """One kind of source."""

    resource: ApiResource
    model: type[Source]

    def parse(self, found: Mapping[str, Any]) -> Source:
        """The source that `found` describes. Raises InvalidResourceError."""
        return self.model.parse(found)

    def status_of(self, found: Mapping[str, Any]) -> SourceStatus:
        """The status of `found`, even if its spec is invalid."""
        return self.model.parse_status(found)

    def streams_of(self, source: Source) -> tuple[DesiredStream, ...]:
        """The streams that `source` should have, the most important first."""
        return streams_of(source)

    def all_streams_of(self, source: Source) -> tuple[DesiredStream, ...]:
        """The same, and those that `source` may have had before its spec was changed."""
        desired = {stream.component: stream for stream in streams_of(source)}
        return tuple(
            desired.get(component) or DesiredStream(component=component, stream=stream, enabled=False, env={})
            for component, stream in COMPONENTS[self.resource.kind].items()
        )


SOURCE_KINDS: Final[Mapping[str, RegisteredKind]] = {
    kind: RegisteredKind(resource=resource, model=MODELS[kind]) for kind, resource in SOURCES.items()
}
"""By name."""
