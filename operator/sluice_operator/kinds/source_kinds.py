"""The kinds of source as the reconciler takes them: see `reconcile.kinds.SourceKind`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sluice_operator.api.source import Source
from sluice_operator.api.source_status import SourceStatus
from sluice_operator.desired.naming import Component
from sluice_operator.desired.stream import DesiredStream
from sluice_operator.desired.streams import COMPONENTS, streams_of
from sluice_operator.kinds.registry import MODELS, SOURCES
from sluice_operator.kubernetes.api_resource import ApiResource
from sluice_operator.observed.facts import Facts
from sluice_operator.status.source_status import source_status


@dataclass(frozen=True, kw_only=True, slots=True)
class RegisteredKind:
    """One kind of source."""

    resource: ApiResource
    model: type[Source]

    @property
    def components(self) -> tuple[Component, ...]:
        """The components that a source can have, whatever its spec says."""
        return tuple(COMPONENTS[self.resource.kind])

    def desired_streams(self, source: Source) -> tuple[DesiredStream, ...]:
        """The streams whose Deployments `source` should have, the most important one first."""
        return streams_of(source)

    def all_streams(self, source: Source) -> tuple[DesiredStream, ...]:
        """The streams of all components of `source`, disabled ones included."""
        desired = {stream.component: stream for stream in streams_of(source)}
        return tuple(
            desired.get(component) or DesiredStream(component=component, stream=stream, enabled=False, env={})
            for component, stream in COMPONENTS[self.resource.kind].items()
        )

    def source_status(self, streams: Sequence[Facts], previous: SourceStatus) -> SourceStatus:
        """The status of a source from the facts about its streams, the most important one first."""
        return source_status(streams, previous)


SOURCE_KINDS: Final[Mapping[str, RegisteredKind]] = {
    kind: RegisteredKind(resource=resource, model=MODELS[kind]) for kind, resource in SOURCES.items()
}
"""By name."""
