"""A third kind for tests, declared like a new one: a model, a component with its stream, and one `Kind`."""

from typing import Final

from sluice_operator.api.base import Model
from sluice_operator.api.columns import stream_columns
from sluice_operator.api.ingester_status import SourceStatus, StreamStatus
from sluice_operator.api.source import Source
from sluice_operator.api.source_spec import SourceSpec
from sluice_operator.desired.component import Component
from sluice_operator.desired.stream import DesiredStream
from sluice_operator.kinds.kind import Ingester, Kind
from sluice_operator.kinds.registry import KINDS, Kinds
from sluice_operator.status.live_stream import LIVE_STREAM
from sluice_redis.contract import Stream


class MirrorSpec(Model):
    """The mirrored stream."""

    enabled: bool = True
    """Whether to mirror the stream. Defaults to true."""


class MirrorSourceSpec(SourceSpec):
    """The desired state of a Mirror."""

    mirror: MirrorSpec = MirrorSpec()
    """The mirrored stream."""


class MirrorStatus(SourceStatus):
    """The observed state of a Mirror."""

    mirror: StreamStatus | None = None
    """The state and the progress of the ingester of the mirror."""


class Mirror(Source):
    """Mirror is a source of events that mirrors a relay."""

    spec: MirrorSourceSpec
    """Desired state of the Mirror."""

    status: MirrorStatus = MirrorStatus()
    """Observed state of the Mirror."""


STREAM: Final = Component(name="mirror", field="mirror", stream=Stream.FIREHOSE)


def mirror_stream(mirror: Mirror) -> DesiredStream:
    return DesiredStream(component=STREAM, enabled=mirror.spec.mirror.enabled, env={"INGESTER_MODE": "firehose"})


MIRROR: Final = Kind(
    model=Mirror,
    plural="mirrors",
    short_names=("mrr",),
    columns=stream_columns(STREAM.field),
    ingesters=(Ingester(component=STREAM, desired=mirror_stream, status=LIVE_STREAM),),
)

THREE_KINDS: Final = Kinds(*KINDS, MIRROR)
