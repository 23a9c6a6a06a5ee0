"""The components of a Relay, and how their ingesters are configured."""

from typing import Final

from sluice_operator.api.deduplicate import parse_duration_seconds
from sluice_operator.api.relay import Relay
from sluice_operator.desired.component import Component
from sluice_operator.desired.stream import DesiredStream
from sluice_redis.contract import Stream

_ON_PAGE_ERROR: Final = {"Retry": "retry", "SkipRepo": "skip-repo"}


FIREHOSE: Final = Component(name="firehose", field="firehose", stream=Stream.FIREHOSE)
BACKFILL: Final = Component(
    name="backfill",
    field="backfill",
    stream=Stream.BACKFILL,
    is_auxiliary=True,
    reports_lag=False,
    accepts_cursor_reset=False,
)


def firehose_stream(relay: Relay) -> DesiredStream:
    """The stream of the relay's events."""
    spec = relay.spec.firehose
    window = parse_duration_seconds(spec.deduplicate.window) if spec.deduplicate else None
    return DesiredStream(
        component=FIREHOSE,
        enabled=spec.enabled,
        env={
            "INGESTER_MODE": "firehose",
            "INGESTER_RELAY_HOSTS": relay.spec.host,
            "INGESTER_COLLECTIONS": ",".join(spec.collections),
            "INGESTER_START_FROM": spec.start_from,
            **({"INGESTER_DEDUPLICATE_SECONDS": str(window)} if window else {}),
            **({"INGESTER_SYNC_EVENTS": "emit"} if spec.sync_events == "Emit" else {}),
            **({"INGESTER_RESYNC_TO_BACKFILL": "true"} if spec.resync_to_backfill else {}),
        },
    )


def backfill_stream(relay: Relay) -> DesiredStream:
    """The listing of the relay's repositories."""
    spec = relay.spec.backfill
    return DesiredStream(
        component=BACKFILL,
        enabled=spec.enabled,
        env={
            "INGESTER_MODE": "backfill",
            "INGESTER_RELAY_HOSTS": relay.spec.host,
            "INGESTER_ON_PAGE_ERROR": _ON_PAGE_ERROR[spec.on_page_error],
            "INGESTER_BACKFILL_RESCAN_SECONDS": str(spec.rescan_interval_seconds or 0),
        },
    )
