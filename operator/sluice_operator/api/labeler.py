"""The Labeler: a source of com.atproto.label, such as an Ozone."""

from sluice_operator.api.base import Model
from sluice_operator.api.cursor import CursorPosition
from sluice_operator.api.health import LabelerHealthSpec
from sluice_operator.api.ingester_status import SourceStatus, StreamStatus
from sluice_operator.api.source import Source
from sluice_operator.api.source_spec import SourceSpec


class LabelsSpec(Model):
    """The stream of labels (com.atproto.label.subscribeLabels)."""

    start_from: CursorPosition = "oldest"
    """Where to start when Redis holds no cursor for this host: oldest (all labels that the labeler has ever
    given), live (only what comes from now on), or the first sequence number that is wanted. A stored cursor
    always wins.
    """


class LabelerSpec(SourceSpec):
    """What should be."""

    labels: LabelsSpec = LabelsSpec()
    """The stream of labels (com.atproto.label.subscribeLabels), written to the Redis stream label_live."""

    health: LabelerHealthSpec = LabelerHealthSpec()
    """How long things may take before the status calls them wrong."""


class LabelerStatus(SourceStatus):
    """What is."""

    labels: StreamStatus | None = None
    """What the ingester of the labels is doing and how far it has come."""


class Labeler(Source):
    """A Labeler is a source of labels on accounts and records, such as an Ozone. The operator keeps an
    ingester running for it, which streams its labels into Redis, and tells here how it fares.
    """

    spec: LabelerSpec
    """What the operator should bring about for this source."""

    status: LabelerStatus = LabelerStatus()
    """What the operator observes. It is written by the operator alone."""
