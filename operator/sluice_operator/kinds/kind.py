"""What a kind of resource is made of: its model, its names, its columns and its ingesters."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sluice_operator.api.base import API_VERSION, GROUP
from sluice_operator.api.columns import PrinterColumn
from sluice_operator.api.ingester_status import SourceStatus
from sluice_operator.api.source import Source
from sluice_operator.desired.component import Component
from sluice_operator.desired.stream import DesiredStream
from sluice_operator.kubernetes.api_resource import ApiResource
from sluice_operator.observed.facts.facts import Facts
from sluice_operator.status.source_status import source_status
from sluice_operator.status.stream_strategy import StreamStrategy

StatusT = TypeVar("StatusT", bound=SourceStatus)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ingester:
    """One ingester that a kind of source can have."""

    component: Component
    desired: Callable[[Any], DesiredStream]
    """Builds the desired stream from a source of this kind."""
    status: StreamStrategy
    """How its facts become conditions and numbers."""
    is_removed_if_disabled: bool = False
    """Whether its Deployment is deleted while the spec disables it. Otherwise the Deployment has no pod."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """The declaration of one kind of resource."""

    model: type[Source]
    plural: str
    short_names: tuple[str, ...]
    columns: tuple[PrinterColumn, ...]
    """The columns of `kubectl get`."""
    ingesters: tuple[Ingester, ...]
    """The ingesters of a source, the most important one first."""

    @property
    def name(self) -> str:
        """The kind, such as Relay."""
        return self.model.__name__

    @property
    def crd_name(self) -> str:
        """The name of the CustomResourceDefinition, such as relays.sluice.dev."""
        return f"{self.plural}.{GROUP}"

    @property
    def resource(self) -> ApiResource:
        """Where the API server serves the objects of this kind."""
        return ApiResource(api_version=API_VERSION, kind=self.name, plural=self.plural)

    @property
    def components(self) -> tuple[Component, ...]:
        """The components that a source can have, whatever its spec says."""
        return tuple(ingester.component for ingester in self.ingesters)

    def all_streams(self, source: Source) -> tuple[DesiredStream, ...]:
        """The streams of all components of `source`, disabled ones included."""
        return tuple(ingester.desired(source) for ingester in self.ingesters)

    def desired_streams(self, source: Source) -> tuple[DesiredStream, ...]:
        """The streams whose Deployments `source` should have, the most important one first."""
        streams = zip(self.ingesters, self.all_streams(source), strict=True)
        return tuple(stream for one, stream in streams if stream.enabled or not one.is_removed_if_disabled)

    def source_status(self, streams: Sequence[Facts], previous: StatusT) -> StatusT:
        """The status of a source from the facts about its streams, the most important one first."""
        return source_status(streams, previous, strategies=self.strategies)

    @property
    def strategies(self) -> Mapping[Component, StreamStrategy]:
        """By component, how its facts become conditions and numbers."""
        return {ingester.component: ingester.status for ingester in self.ingesters}
