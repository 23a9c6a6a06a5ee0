"""What the reconciler needs to know of a kind of source. The registry of kinds is passed in: it is not imported."""

from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias

from sluice_operator.api.source import Source
from sluice_operator.api.source_status import SourceStatus
from sluice_operator.desired.stream import DesiredStream
from sluice_operator.kubernetes.client import ApiResource


class SourceKind(Protocol):
    """One kind of source."""

    @property
    def resource(self) -> ApiResource:
        """Where its objects are found."""

    def parse(self, found: Mapping[str, Any]) -> Source:
        """The source that `found` describes. Raises InvalidResourceError."""

    def status_of(self, found: Mapping[str, Any]) -> SourceStatus:
        """The status of `found`, even if its spec is invalid."""

    def streams_of(self, source: Source) -> tuple[DesiredStream, ...]:
        """The streams that `source` should have, the most important first."""

    def all_streams_of(self, source: Source) -> tuple[DesiredStream, ...]:
        """The same, and those that `source` had before its spec was changed."""


Kinds: TypeAlias = Mapping[str, SourceKind]
"""By name, such as `Relay`."""
