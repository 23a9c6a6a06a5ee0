"""The components of a Relay, and how their ingesters are configured."""

from typing import Final

from sluice_operator.api.deduplicate import parse_duration_seconds
from sluice_operator.api.relay import Relay
from sluice_operator.desired.component import Component
from sluice_operator.desired.stream import DesiredStream
from sluice_redis import ingester_settings
from sluice_redis.contract import Stream

_ON_PAGE_ERROR: Final = {
    "Retry": ingester_settings.OnPageError.RETRY.value,
    "SkipRepo": ingester_settings.OnPageError.SKIP_REPO.value,
}


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
            ingester_settings.MODE.variable: ingester_settings.Mode.FIREHOSE.value,
            ingester_settings.RELAY_HOSTS.variable: relay.spec.host,
            ingester_settings.COLLECTIONS.variable: ",".join(spec.collections),
            ingester_settings.START_FROM.variable: spec.start_from,
            **({ingester_settings.DEDUPLICATE_SECONDS.variable: str(window)} if window else {}),
            **(
                {ingester_settings.SYNC_EVENTS.variable: ingester_settings.SyncEvents.EMIT.value}
                if spec.sync_events == "Emit"
                else {}
            ),
            **({ingester_settings.RESYNC_TO_BACKFILL.variable: "true"} if spec.resync_to_backfill else {}),
        },
    )


def backfill_stream(relay: Relay) -> DesiredStream:
    """The listing of the relay's repositories."""
    spec = relay.spec.backfill
    return DesiredStream(
        component=BACKFILL,
        enabled=spec.enabled,
        env={
            ingester_settings.MODE.variable: ingester_settings.Mode.BACKFILL.value,
            ingester_settings.RELAY_HOSTS.variable: relay.spec.host,
            ingester_settings.ON_PAGE_ERROR.variable: _ON_PAGE_ERROR[spec.on_page_error],
            ingester_settings.BACKFILL_RESCAN_SECONDS.variable: str(
                spec.rescan_interval_seconds or ingester_settings.BACKFILL_RESCAN_SECONDS.default
            ),
        },
    )
