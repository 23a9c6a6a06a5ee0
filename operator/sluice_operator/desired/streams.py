"""What is streamed of a source, of whatever kind."""

from collections.abc import Mapping
from functools import singledispatch
from typing import Final

from sluice_operator.api.labeler import Labeler
from sluice_operator.api.relay import Relay
from sluice_operator.api.source import Source
from sluice_operator.desired.labeler_streams import labeler_streams
from sluice_operator.desired.naming import Component
from sluice_operator.desired.relay_streams import relay_streams
from sluice_operator.desired.stream import DesiredStream
from sluice_redis.contract import Stream


@singledispatch
def streams_of(source: Source) -> tuple[DesiredStream, ...]:
    """The streams that `source` should have, the one that matters most first."""
    raise TypeError(f"no streams are known of a {type(source).__name__}")


streams_of.register(Relay, relay_streams)
streams_of.register(Labeler, labeler_streams)

COMPONENTS: Final[Mapping[str, Mapping[Component, Stream]]] = {
    "Relay": {Component.FIREHOSE: Stream.FIREHOSE, Component.BACKFILL: Stream.BACKFILL},
    "Labeler": {Component.LABELER: Stream.LABELS},
}
"""By kind, all streams that a source may have had, whatever its spec says now."""
