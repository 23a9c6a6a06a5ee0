"""The numbers of a stream in Redis: its length, its size and its consumer groups."""

from typing import Any

from sluice_operator.api.ingester_status import ConsumerGroup
from sluice_operator.observed.facts.redis import ConsumerGroupFacts, SinkFacts


def backlog_fields(sink: SinkFacts) -> dict[str, Any]:
    """The fields of a status with the numbers of the stream in `sink`."""
    stream = sink.stream
    groups = stream.groups if stream else ()
    return {
        "stream_length": sink.length,
        "stream_bytes": stream.bytes if stream else None,
        "consumer_groups": tuple(map(_group, groups)) or None,
        "consumers_lag": stream.consumers_lag if stream else None,
    }


def _group(facts: ConsumerGroupFacts) -> ConsumerGroup:
    oldest = facts.oldest_pending_seconds
    return ConsumerGroup(
        name=facts.name,
        consumers=facts.consumers,
        lag=facts.lag,
        pending=facts.pending,
        oldest_pending_seconds=None if oldest is None else int(oldest),
    )
