"""The kind Labeler: a source of labels, with one stream."""

from typing import Final

from sluice_operator.api.columns import stream_columns
from sluice_operator.api.labeler import Labeler
from sluice_operator.desired.labeler_streams import LABELS, labels_stream
from sluice_operator.kinds.kind import Ingester, Kind
from sluice_operator.status.live_stream import LIVE_STREAM

LABELER: Final = Kind(
    model=Labeler,
    plural="labelers",
    short_names=("lblr",),
    columns=stream_columns(LABELS.field),
    ingesters=(Ingester(component=LABELS, desired=labels_stream, status=LIVE_STREAM),),
)
