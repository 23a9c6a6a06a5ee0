"""What a process is to read: one stream of one source, with its settings. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from sluice_ingester.event_streams import EVENT_STREAMS
from sluice_ingester.settings import Settings
from sluice_ingester.sources.address import Address
from sluice_redis.contract import Stream, StreamKeys
from sluice_redis.ingester_settings import Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSpec:
    """One stream of one source. `problem` says why it can't be read. It is empty if it can."""

    settings: Settings
    stream: Stream
    address: Address
    problem: str = ""

    @property
    def keys(self) -> StreamKeys:
        """Its keys in Redis."""
        return StreamKeys(
            stream=self.stream,
            host=self.address.host,
            prefix=self.settings.key_prefix,
            former_hosts=self.address.former_hosts,
        )

    def __str__(self) -> str:
        return f"{self.stream} of {self.address.host}"


def specs_of(settings: Settings) -> Iterator[SourceSpec]:
    """All that `settings` name."""
    for stream, event_stream in EVENT_STREAMS.items():
        if settings.mode in {Mode.ALL, event_stream.mode}:
            for address in event_stream.addresses(settings):
                yield SourceSpec(settings=settings, stream=stream, address=address)
    if settings.mode in {Mode.ALL, Mode.BACKFILL}:
        for address in settings.relay_hosts:
            yield SourceSpec(settings=settings, stream=Stream.BACKFILL, address=address)
