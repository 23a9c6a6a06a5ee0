"""The component of a Labeler, and how its ingester is configured."""

from typing import Final

from sluice_operator.api.labeler import Labeler
from sluice_operator.desired.component import Component
from sluice_operator.desired.stream import DesiredStream
from sluice_redis import ingester_settings
from sluice_redis.contract import Stream

LABELS: Final = Component(name="labeler", field="labels", stream=Stream.LABELS)


def labels_stream(labeler: Labeler) -> DesiredStream:
    """The stream of the labeler's labels."""
    return DesiredStream(
        component=LABELS,
        enabled=True,
        env={
            ingester_settings.MODE.variable: ingester_settings.Mode.LABELER.value,
            ingester_settings.LABELER_HOSTS.variable: labeler.spec.host,
            ingester_settings.START_FROM.variable: labeler.spec.labels.start_from,
        },
    )
