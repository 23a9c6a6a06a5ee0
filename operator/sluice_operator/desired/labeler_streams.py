"""What a Labeler should own."""

from sluice_operator.api.labeler import Labeler
from sluice_operator.desired.naming import Component
from sluice_operator.desired.stream import DesiredStream
from sluice_redis import ingester_settings
from sluice_redis.contract import Stream


def labeler_streams(labeler: Labeler) -> tuple[DesiredStream, ...]:
    """The streams of a labeler: there is one."""
    return (labels_stream(labeler),)


def labels_stream(labeler: Labeler) -> DesiredStream:
    """The stream of the labeler's labels."""
    return DesiredStream(
        component=Component.LABELER,
        stream=Stream.LABELS,
        enabled=True,
        env={
            ingester_settings.MODE.variable: ingester_settings.Mode.LABELER.value,
            ingester_settings.LABELER_HOSTS.variable: labeler.spec.host,
            ingester_settings.START_FROM.variable: labeler.spec.labels.start_from,
        },
    )
