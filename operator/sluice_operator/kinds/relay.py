"""The kind Relay: a relay or a PDS, with a firehose and a backfill."""

from typing import Final

from sluice_operator.api.columns import PrinterColumn, stream_columns
from sluice_operator.api.relay import Relay
from sluice_operator.desired.relay_streams import BACKFILL, FIREHOSE, backfill_stream, firehose_stream
from sluice_operator.kinds.kind import Ingester, Kind
from sluice_operator.status.backfill_listing import BACKFILL_LISTING
from sluice_operator.status.live_stream import LIVE_STREAM

RELAY: Final = Kind(
    model=Relay,
    plural="relays",
    short_names=("rly",),
    columns=stream_columns(
        FIREHOSE.field,
        PrinterColumn(
            name="Backfill",
            path=".status.backfill.progress",
            wide=True,
            description="Progress of the listing of all repositories.",
        ),
    ),
    ingesters=(
        Ingester(component=FIREHOSE, desired=firehose_stream, status=LIVE_STREAM),
        Ingester(component=BACKFILL, desired=backfill_stream, status=BACKFILL_LISTING, is_removed_if_disabled=True),
    ),
)
