"""What a Relay should own."""

from sluice_ingester.contract import Stream
from sluice_operator.api.relay import Relay
from sluice_operator.desired.naming import Component
from sluice_operator.desired.stream import StreamComponent


def relay_streams(relay: Relay) -> tuple[StreamComponent, ...]:
    """The streams of a relay. The Deployment of one that is not named here is removed."""
    return (firehose(relay),)


def firehose(relay: Relay) -> StreamComponent:
    """The stream of the relay's events."""
    spec = relay.spec.firehose
    return StreamComponent(
        component=Component.FIREHOSE,
        stream=Stream.FIREHOSE,
        enabled=spec.enabled,
        env={
            "INGESTER_MODE": "firehose",
            "INGESTER_RELAY_HOSTS": relay.spec.host,
            "INGESTER_COLLECTIONS": ",".join(spec.collections),
            "INGESTER_START_FROM": spec.start_from,
            **({"INGESTER_RESYNC_TO_BACKFILL": "true"} if spec.resync_to_backfill else {}),
        },
    )
