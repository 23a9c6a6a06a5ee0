"""The event streams that an ingester reads over WebSockets, and what differs between them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from sluice_ingester.pipeline.frame_handler import Decoder
from sluice_ingester.settings import Settings
from sluice_ingester.sources.address import Address
from sluice_redis.contract import Stream
from sluice_redis.ingester_settings import Mode, SyncEvents
from sluice_wire import firehose, labels


@dataclass(frozen=True, slots=True, kw_only=True)
class EventStream:
    """One type of event stream.

    - `mode` selects it, and `addresses` are its sources.
    - `nsid` is the XRPC method to subscribe to, and `decoder` makes the decoder of a source.
    - `frames_metric` counts its frames.
    - `drops_old_events`: its sources keep events only for a limited time.
    - `often_quiet`: its sources may send nothing for days.
    - `read_bytes` is the size of one read from a connection, which keeps a buffer of that size: large for streams with
      much traffic, small for those of which a process reads hundreds.
    - `is_deduplicated`: several sources deliver the same events.
    """

    mode: Mode
    addresses: Callable[[Settings], tuple[Address, ...]]
    nsid: str
    decoder: Callable[[Settings, Address], Decoder]
    frames_metric: str
    drops_old_events: bool
    often_quiet: bool
    read_bytes: int
    is_deduplicated: bool


def _firehose_decoder(settings: Settings, address: Address) -> Decoder:
    return firehose.FirehoseDecoder(
        collections=settings.collections,
        omit_sync=settings.sync_events is SyncEvents.OMIT,
        resync_origin=address.origin if settings.resync_to_backfill else None,
    )


def _labels_decoder(_settings: Settings, _address: Address) -> Decoder:
    return labels.LabelsDecoder()


EVENT_STREAMS: Final[Mapping[Stream, EventStream]] = {
    Stream.FIREHOSE: EventStream(
        mode=Mode.FIREHOSE,
        addresses=lambda settings: settings.relay_hosts,
        nsid=firehose.NSID,
        decoder=_firehose_decoder,
        frames_metric="firehose_events",
        drops_old_events=True,
        often_quiet=False,
        read_bytes=256 * 1024,
        is_deduplicated=True,
    ),
    Stream.LABELS: EventStream(
        mode=Mode.LABELER,
        addresses=lambda settings: settings.labeler_hosts,
        nsid=labels.NSID,
        decoder=_labels_decoder,
        frames_metric="labeler_events",
        drops_old_events=False,
        often_quiet=True,
        read_bytes=32 * 1024,
        is_deduplicated=False,
    ),
}
