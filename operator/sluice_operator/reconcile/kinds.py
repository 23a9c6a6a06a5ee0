"""Protocols for what the reconciler needs of a kind of source. The registry of kinds implements them."""

from collections.abc import Sequence
from typing import Protocol

from sluice_operator.api.ingester_status import SourceStatus
from sluice_operator.api.source import Source
from sluice_operator.desired.component import Component
from sluice_operator.desired.stream import DesiredStream
from sluice_operator.kubernetes.api_resource import ApiResource
from sluice_operator.observed.facts.facts import Facts


class SourceKind(Protocol):
    """One kind of source."""

    @property
    def model(self) -> type[Source]:
        """Parses its objects."""

    @property
    def resource(self) -> ApiResource:
        """Where its objects are found."""

    @property
    def components(self) -> Sequence[Component]:
        """The components that a source can have, whatever its spec says."""

    def desired_streams(self, source: Source) -> tuple[DesiredStream, ...]:
        """The streams whose Deployments `source` should have, the most important one first."""

    def all_streams(self, source: Source) -> tuple[DesiredStream, ...]:
        """The streams of all components of `source`, disabled ones included."""

    def source_status(self, streams: Sequence[Facts], previous: SourceStatus) -> SourceStatus:
        """The status of a source from the facts about its streams, the most important one first."""


class Kinds(Protocol):
    """The registry of kinds."""

    def __getitem__(self, name: str) -> SourceKind:
        """The kind with that name, such as `Relay`. Raises KeyError."""
