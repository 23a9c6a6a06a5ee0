"""How often statuses follow the length of a stream."""

from collections.abc import Sequence
from typing import Final

import pytest

from sluice_operator.kubernetes.source_key import SourceKey
from sluice_operator.redis.health_changes import Change
from sluice_operator.redis.stream_watch import SHARED_WRITES_PER_SECOND, StreamWatch, WatchedStream
from sluice_redis.contract import Stream, StreamKeys
from tests.fakes.stepped_clock import SteppedClock

URL: Final = b"redis://redis:6379/0"
STATUS_SECONDS: Final = 30.0


class GrowingStreams:
    """A Redis in which each stream has grown at each read, and nothing else changes."""

    details_interval_seconds = 10.0

    async def poll(
        self, url: bytes, streams: Sequence[StreamKeys], *, ca_bundle: str = "", with_cursors: bool = False
    ) -> list[Change]:
        return [Change.NONE] * len(streams)

    async def changed_streams(self, url: bytes, names: Sequence[str], *, ca_bundle: str = "") -> list[str]:
        return list(names)


def key(number: int) -> SourceKey:
    return SourceKey("Labeler", "n", f"l{number}")


async def seconds_between_writes(*, sources: int) -> set[float]:
    """The times from a write of a status until the next one, for sources with one stream."""
    clock = SteppedClock()
    watch = StreamWatch(GrowingStreams(), idle_seconds=STATUS_SECONDS, clock=clock)
    due_at = clock.monotonic() + STATUS_SECONDS
    for number in range(sources):
        keys = StreamKeys(stream=Stream.LABELS, host=f"l{number}.example")
        watch.watch(key(number), [WatchedStream(url=URL, keys=keys, is_running=True, numbers_due_at=due_at)])
    due: dict[SourceKey, float] = {}
    await watch.poll(lambda one: due.setdefault(one, 0.0), due.__setitem__)
    assert len(due) == sources
    return set(due.values())


async def test_the_length_of_a_stream_is_written_at_the_interval_of_numbers() -> None:
    assert await seconds_between_writes(sources=1) == {STATUS_SECONDS}
    assert await seconds_between_writes(sources=30) == {STATUS_SECONDS}


async def test_the_length_of_a_stream_that_many_share_is_written_seldom() -> None:
    (seconds,) = await seconds_between_writes(sources=300)
    assert 300 / seconds == pytest.approx(SHARED_WRITES_PER_SECOND)
