"""What a Relay should own."""

from sluice_operator.api.relay import Relay
from sluice_operator.desired.deployment import build_deployment
from sluice_operator.desired.manifest import Manifest
from sluice_operator.desired.naming import Component
from sluice_operator.desired.settings import IngesterSettings


def build_firehose(relay: Relay, *, redis_hash: str, settings: IngesterSettings) -> Manifest:
    """The Deployment that streams the relay's events; without a pod while suspended or not enabled."""
    firehose = relay.spec.firehose
    return build_deployment(
        relay,
        component=Component.FIREHOSE,
        running=firehose.enabled and not relay.spec.suspend,
        env={
            "INGESTER_MODE": "firehose",
            "INGESTER_RELAY_HOSTS": relay.spec.host,
            "INGESTER_COLLECTIONS": ",".join(firehose.collections),
            "INGESTER_START_FROM": firehose.start_from,
        },
        redis_hash=redis_hash,
        settings=settings,
    )
