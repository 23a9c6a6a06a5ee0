"""The Sink in memory meets the contract of every Sink, and fails when a test says so."""

import pytest

from sluice_redis.contract import StreamKeys
from sluice_redis.sink.errors import SinkError, SinkReason
from sluice_redis.sink.protocol import Sink
from tests.fakes.redis_sink import OUT_OF_MEMORY, UNAVAILABLE, FakeRedis, FakeSink
from tests.fakes.sink_contract import FIRST, KEYS, MARK, SinkContract


class FakeStage:
    def __init__(self) -> None:
        self.redis = FakeRedis()

    def sink(self, keys: StreamKeys = KEYS) -> Sink:
        return FakeSink(self.redis, keys, high_water_mark=MARK)

    async def set(self, key: str, value: bytes | None) -> None:
        self.redis.strings.pop(key, None)
        if value is not None:
            self.redis.strings[key] = value

    async def get(self, key: str) -> bytes | None:
        return self.redis.strings.get(key)

    async def hset(self, key: str, fields: dict[str, str]) -> None:
        self.redis.hashes[key].update(fields)

    async def hgetall(self, key: str) -> dict[str, str]:
        return dict(self.redis.hashes.get(key, {}))

    async def entries(self, key: str) -> list[dict[str, bytes]]:
        return list(self.redis.streams.get(key, []))


@pytest.fixture
def stage() -> FakeStage:
    return FakeStage()


class TestFakeSink(SinkContract):
    """The fake."""


async def test_a_failure_stores_nothing() -> None:
    sink = FakeSink()
    sink.failures = [UNAVAILABLE]
    with pytest.raises(SinkError) as caught:
        await sink.append(FIRST)
    assert caught.value.failure.reason is SinkReason.UNAVAILABLE
    assert sink.events == []
    await sink.append(FIRST)


async def test_a_lost_answer_comes_after_the_append() -> None:
    sink = FakeSink()
    sink.lost_answers = [UNAVAILABLE]
    with pytest.raises(SinkError):
        await sink.append(FIRST)
    assert len(sink.events) == 2


async def test_a_lasting_failure_fails_every_call() -> None:
    sink = FakeSink()
    sink.failure = OUT_OF_MEMORY
    for _ in range(3):
        with pytest.raises(SinkError):
            await sink.read_cursor()
    sink.failure = None
    assert await sink.read_cursor() is None
