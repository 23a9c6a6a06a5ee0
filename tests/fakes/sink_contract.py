"""The contract of every Sink. Subclasses run it with the fake, or with a real Redis."""

from dataclasses import dataclass, replace
from typing import Protocol

import pytest

from sluice_redis.contract import HealthField, Stream, StreamKeys
from sluice_redis.sink.protocol import Sink
from sluice_redis.sink.request import AppendRequest, DeadLetterEntry, Fenced, Full, Stored

KEYS = StreamKeys(stream=Stream.FIREHOSE, host="relay.test", former_hosts=("relay.test:443", "wss://relay.test"))
LISTING = StreamKeys(stream=Stream.BACKFILL, host="relay.test", former_hosts=("relay.test:443",))
LETTER = DeadLetterEntry(seq="8", reason="FrameInvalid: no map", detail="at://a/b", payload=b"\xff\x00")
FIRST = AppendRequest(
    batch_id="first",
    expected_cursor=None,
    cursor=6_322_875_402,
    events=[b'{"seq":1}', b'{"seq":2}'],
    dead_letters=[LETTER],
    event_time="2026-11-24T12:00:00.000Z",
    health_fields={"liveSince": "x"},
)
SECOND = AppendRequest(batch_id="second", expected_cursor=b"6322875402", cursor=6_322_875_409, events=[b"{}"])
MARK = 5


class Stage(Protocol):
    """A Redis and its data."""

    def sink(self, keys: StreamKeys = KEYS) -> Sink:
        """A sink with the high-water mark MARK."""

    async def set(self, key: str, value: bytes | None) -> None:
        """Set a string, or delete it."""

    async def get(self, key: str) -> bytes | None:
        """A string."""

    async def hset(self, key: str, fields: dict[str, str]) -> None:
        """Set fields of a hash."""

    async def hgetall(self, key: str) -> dict[str, str]:
        """A hash."""

    async def entries(self, key: str) -> list[dict[str, bytes]]:
        """The entries of a stream."""


@dataclass
class Snapshot:
    cursor: bytes | None
    events: list[dict[str, bytes]]
    letters: list[dict[str, bytes]]
    health: dict[str, str]


async def snapshot(stage: Stage, keys: StreamKeys = KEYS) -> Snapshot:
    return Snapshot(
        cursor=await stage.get(keys.cursor),
        events=await stage.entries(keys.entries),
        letters=await stage.entries(keys.deadletter),
        health=await stage.hgetall(keys.health),
    )


class SinkContract:
    """Subclasses give a fixture `stage`."""

    async def test_all_of_a_batch_is_stored(self, stage: Stage) -> None:
        sink = stage.sink()
        assert await sink.append(FIRST) == Stored(2)
        assert await sink.append(replace(SECOND, resyncs=[b"repo"])) == Stored(3)
        found = await snapshot(stage)
        assert (found.cursor, found.events) == (
            b"6322875409",
            [{"event": b'{"seq":1}'}, {"event": b'{"seq":2}'}, {"event": b"{}"}],
        )
        assert found.letters == [
            {
                "host": b"relay.test",
                "seq": b"8",
                "reason": b"FrameInvalid: no map",
                "detail": b"at://a/b",
                "payload": b"\xff\x00",
            }
        ]
        assert await stage.entries(KEYS.resyncs) == [{"repo": b"repo"}]
        assert found.health.pop(HealthField.STORED).endswith("Z")
        assert found.health == {
            "seq": "6322875409",
            "eventTime": "2026-11-24T12:00:00.000Z",
            "events": "3",
            "deadletters": "1",
            "batch": "second",
            "liveSince": "x",
        }

    async def test_a_repeated_call_stores_nothing(self, stage: Stage) -> None:
        sink = stage.sink()
        await sink.append(FIRST)
        before = await snapshot(stage)
        assert await sink.append(FIRST) == Stored(2)
        assert await snapshot(stage) == before

    @pytest.mark.parametrize(
        ("stored", "expected"), [(b"7", None), (None, b"7"), (b"8", b"7"), (b"", None), (b"07", b"7"), (None, b"")]
    )
    async def test_an_append_with_another_cursor_is_fenced(
        self, stage: Stage, stored: bytes | None, expected: bytes | None
    ) -> None:
        await stage.set(KEYS.cursor, stored)
        before = await snapshot(stage)
        assert await stage.sink().append(replace(FIRST, expected_cursor=expected)) == Fenced(stored)
        assert await snapshot(stage) == before

    async def test_the_stream_is_full_at_its_high_water_mark(self, stage: Stage) -> None:
        sink = stage.sink()
        four = replace(FIRST, events=[b"{}"] * (MARK - 1))
        assert await sink.append(four) == Stored(MARK - 1)
        assert await sink.append(SECOND) == Stored(MARK)
        before = await snapshot(stage)
        third = replace(SECOND, batch_id="third", expected_cursor=b"6322875409")
        assert await sink.append(third) == Full(MARK)
        assert await snapshot(stage) == before
        assert await sink.append(replace(third, events=[], cursor=6_322_875_410)) == Stored(MARK)
        assert await sink.read_cursor() == b"6322875410"

    async def test_a_batch_without_a_cursor_keeps_the_cursor(self, stage: Stage) -> None:
        sink = stage.sink()
        await sink.append(FIRST)
        assert await sink.append(replace(SECOND, cursor=None, event_time=None)) == Stored(3)
        found = await snapshot(stage)
        assert (found.cursor, found.health["seq"]) == (b"6322875402", "6322875402")
        assert found.health["eventTime"] == FIRST.event_time

    async def test_the_cursor_the_length_and_the_health_hash_are_read_and_written(self, stage: Stage) -> None:
        sink = stage.sink()
        assert (await sink.read_cursor(), await sink.stream_length()) == (None, 0)
        assert await sink.read_health("state", "beat") == ["", ""]
        await sink.write_health({"state": "streaming"})
        assert await sink.read_health("beat", "state") == ["", "streaming"]
        await sink.append(FIRST)
        assert (await sink.read_cursor(), await sink.stream_length()) == (b"6322875402", 2)
        await sink.check_eviction_policy()

    async def test_a_cursor_is_reset_only_if_it_is_the_expected_one(self, stage: Stage) -> None:
        sink = stage.sink()
        await stage.set(KEYS.cursor, b"7")
        other = await sink.reset_cursor(expected_cursor=b"8", cursor="0", health_fields={"lostAt": "t"})
        assert other == Fenced(b"7")
        assert await stage.hgetall(KEYS.health) == {}
        assert await sink.reset_cursor(expected_cursor=b"7", cursor="0", health_fields={"lostAt": "t"}) is None
        assert (await stage.get(KEYS.cursor), await stage.hgetall(KEYS.health)) == (b"0", {"lostAt": "t"})

    async def test_without_former_keys_nothing_is_renamed(self, stage: Stage) -> None:
        await stage.set(KEYS.cursor, b"7")
        assert await stage.sink().rename_former_keys() == []
        assert await stage.get(KEYS.cursor) == b"7"

    @pytest.mark.parametrize(
        ("own", "former", "left"),
        [(None, b"9", b"9"), (b"10", b"9", b"10"), (b"9", b"10", b"10"), (b"0", b"!live", b"0")],
    )
    async def test_of_two_cursors_the_higher_seq_is_kept(
        self, stage: Stage, own: bytes | None, former: bytes, left: bytes
    ) -> None:
        old = KEYS.former_keys[0]
        await stage.set(KEYS.cursor, own)
        await stage.set(old.cursor, former)
        await stage.hset(old.health, {"seq": "former"})
        renamed = await stage.sink().rename_former_keys()
        assert renamed == ([old.cursor] if left == former else [])
        assert (await stage.get(KEYS.cursor), await stage.get(old.cursor)) == (left, None)
        assert await stage.hgetall(old.health) == {}
        assert await stage.hgetall(KEYS.health) == ({"seq": "former"} if left == former else {})

    async def test_of_two_cursors_of_a_listing_the_current_one_is_kept(self, stage: Stage) -> None:
        old = LISTING.former_keys[0]
        await stage.set(LISTING.cursor, b"9")
        await stage.set(old.cursor, b"10")
        assert await stage.sink(LISTING).rename_former_keys() == []
        assert (await stage.get(LISTING.cursor), await stage.get(old.cursor)) == (b"9", None)
