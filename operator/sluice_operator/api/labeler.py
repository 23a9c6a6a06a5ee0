"""The model of the Labeler: a source of com.atproto.label, such as an Ozone."""

from sluice_operator.api.base import Model
from sluice_operator.api.cursor import CursorPosition
from sluice_operator.api.health import LabelerHealthSpec
from sluice_operator.api.ingester_status import SourceStatus, StreamStatus
from sluice_operator.api.source import Source
from sluice_operator.api.source_spec import SourceSpec
from sluice_redis import ingester_settings


class LabelsSpec(Model):
    """The stream of labels (com.atproto.label.subscribeLabels)."""

    start_from: CursorPosition = ingester_settings.START_FROM.default
    """Where to start if Redis holds no cursor for this host: oldest (all labels of the labeler), live (only new
    labels), or the first sequence number to read. A stored cursor takes precedence.
    """


class LabelerSpec(SourceSpec):
    """The desired state of a Labeler."""

    labels: LabelsSpec = LabelsSpec()
    """The stream of labels (com.atproto.label.subscribeLabels), written to the Redis stream label_live."""

    health: LabelerHealthSpec = LabelerHealthSpec()
    """How long a problem can last before the status reports it."""


class LabelerStatus(SourceStatus):
    """The observed state of a Labeler."""

    labels: StreamStatus | None = None
    """The state and the progress of the ingester of the labels."""


class Labeler(Source):
    """Labeler is a source of labels on accounts and records, such as an Ozone. The operator runs an ingester that
    streams its labels into Redis, and reports the state in status.
    """

    spec: LabelerSpec
    """Desired state of the Labeler."""

    status: LabelerStatus = LabelerStatus()
    """Observed state of the Labeler. Only the operator writes it."""
