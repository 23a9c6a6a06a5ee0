"""The numbers in the status: cursor, lag, rate, lengths and counts, and their text forms."""

from dataclasses import replace

import pytest

from sluice_common.times import human_duration, parse_time
from sluice_operator.api.relay import RelayStatus
from sluice_operator.observed.facts.facts import Facts
from sluice_operator.observed.facts.health import HealthFacts
from sluice_operator.observed.facts.redis import RedisStreamFacts, SinkReadFailure
from sluice_operator.observed.facts.redis_secret import SecretFacts
from sluice_operator.status.stream_numbers import human_rate
from sluice_redis.contract import SourceState
from tests.unit.operator.status.situations import (
    NOW,
    after,
    ago,
    facts,
    failed_sink,
    group,
    health,
    pod,
    reporting,
    sink,
    source_status,
    waiting_pod,
)
from tests.unit.operator.status.situations import stream as stream_of


def test_numbers_of_a_streaming_source() -> None:
    stream = after(facts()).firehose
    assert stream is not None
    assert stream.dump() == {
        "state": "streaming",
        "cursor": "6322875501",
        "cursorTime": "2026-11-24T11:59:57Z",
        "newestEventAgeSeconds": 3,
        "lagSeconds": 2,
        "lag": "2s",
        "eventsPerSecond": 412.3,
        "rate": "412/s",
        "events": 1000,
        "deadLetters": 0,
        "streamLength": 1000,
        "reconnects": 0,
        "connectedSince": "2026-11-24T12:00:00Z",
        "fenced": 0,
        "fencedSinceStart": 0,
        "startedAt": "2026-11-24T11:00:01Z",
        "version": "0.1.0",
        "updatedAt": "2026-11-24T12:00:00Z",
    }


def test_the_lag_of_a_quiet_source_does_not_grow() -> None:
    stream = after(facts(sink=sink(health=health(event_time=ago(4000), stored=ago(3999))))).firehose
    assert stream is not None
    assert (stream.lag_seconds, stream.newest_event_age_seconds) == (1, 4000)


def test_lag_while_catching_up() -> None:
    stream = after(facts(sink=sink(health=health(event_time=ago(7260), stored=ago(0))))).firehose
    assert stream is not None
    assert (stream.lag_seconds, stream.lag) == (7260, "2h1m")


def test_lag_grows_while_the_source_does_not_stream() -> None:
    down = reporting(SourceState.WAITING, "ConnectionLost", "lost", event_time=ago(100), stored=ago(99), rate=1.5)
    stream = after(facts(sink=down)).firehose
    assert stream is not None
    assert (stream.lag_seconds, stream.message, stream.rate) == (100, "lost", None)


def test_a_suspended_source_has_no_lag() -> None:
    stream = after(facts(), facts(suspended=True, pods=())).firehose
    assert stream is not None
    assert (stream.lag_seconds, stream.newest_event_age_seconds, stream.rate, stream.state) == (None,) * 4
    assert stream.cursor == "6322875501"


def test_an_event_time_in_the_future_gives_no_negative_lag() -> None:
    stream = after(facts(sink=sink(health=health(event_time=ago(-30), stored=ago(0))))).firehose
    assert stream is not None
    assert (stream.lag_seconds, stream.newest_event_age_seconds) == (0, 0)


def test_a_stale_report_gives_no_rate_and_no_state() -> None:
    stream = after(facts(sink=sink(health=health(silent_seconds=60.0)))).firehose
    assert stream is not None
    assert (stream.state, stream.rate, stream.cursor) == (None, None, "6322875501")


UNOBSERVED = [
    ("Redis is unavailable", facts(sink=failed_sink(SinkReadFailure.UNREACHABLE))),
    ("the Secret is missing", facts(secret=SecretFacts(problem="There is no Secret redis"), sink=None)),
]


@pytest.mark.parametrize("now", [row[1] for row in UNOBSERVED], ids=[row[0] for row in UNOBSERVED])
def test_unknown_numbers_are_absent(now: Facts) -> None:
    """Cursor and counters are kept. An old lag, rate or length is removed."""
    seen = sink(stream=stream_of(group("slow", lag=70)), health=health(dead_letters=4, fenced=2))
    before = after(facts(now=ago(10), sink=seen)).firehose
    stream = after(facts(now=ago(10), sink=seen), now).firehose
    assert before is not None
    assert stream is not None
    dump = before.dump()
    removed = {"state", "lag", "lagSeconds", "newestEventAgeSeconds", "rate", "eventsPerSecond"}
    removed |= {"streamLength", "streamBytes", "consumerGroups", "consumersLag"}
    assert removed <= dump.keys()
    assert stream.dump() == {name: value for name, value in dump.items() if name not in removed}
    assert {"cursor", "cursorTime", "events", "deadLetters", "fenced", "updatedAt"} <= stream.dump().keys()


def test_numbers_of_another_host_are_removed() -> None:
    moved = facts(host="relay2.example", sink=failed_sink(SinkReadFailure.UNREACHABLE))
    assert after(facts(now=ago(10)), moved).firehose is None


def test_without_any_report_there_are_no_numbers() -> None:
    assert after(facts(sink=failed_sink(SinkReadFailure.UNREACHABLE))).firehose is None


def test_the_stream_in_redis_and_its_consumers() -> None:
    slow = group("slow", lag=70, pending=3, oldest_pending_seconds=12.7, consumers=2)
    found = after(facts(sink=sink(stream=stream_of(group("quick"), slow, bytes=123_456)))).firehose
    assert found is not None
    assert (found.stream_bytes, found.consumers_lag) == (123_456, 70)
    assert [item.dump() for item in found.consumer_groups or ()] == [
        {"name": "quick", "consumers": 1, "lag": 0, "pending": 0},
        {"name": "slow", "consumers": 2, "lag": 70, "pending": 3, "oldestPendingSeconds": 12},
    ]


@pytest.mark.parametrize("known", [None, stream_of(bytes=None)])
def test_numbers_that_redis_does_not_report_are_absent(known: RedisStreamFacts | None) -> None:
    found = after(facts(sink=sink(stream=known))).firehose
    assert found is not None
    assert not {"streamBytes", "consumerGroups", "consumersLag"} & found.dump().keys()


FENCES: list[tuple[str, list[HealthFacts | None], int | None]] = [
    ("never heard", [None], None),
    ("as its process counts", [health(fenced=0), health(fenced=1), health(fenced=3)], 3),
    ("heard late", [None, health(fenced=2)], 2),
    ("over restarts", [health(fenced=2), health(fenced=0, started=ago(50)), health(fenced=1, started=ago(50))], 3),
    ("over a restart that was not seen", [health(fenced=2), health(fenced=1, started=ago(50))], 3),
    ("not heard for a while", [health(fenced=2), None, health(fenced=2)], 2),
    ("another pod's report is not trusted", [health(fenced=2), health(fenced=9, pod="other")], 2),
    ("an older ingester reports none", [health(fenced=None)], None),
]


@pytest.mark.parametrize(("reports", "count"), [row[1:] for row in FENCES], ids=[row[0] for row in FENCES])
def test_fences_are_counted_across_restarts(reports: list[HealthFacts | None], count: int | None) -> None:
    status = RelayStatus()
    for report in reports:
        for _ in range(2):  # the second reconcile changes nothing
            # Read back each time, as after a restart of the operator.
            status = RelayStatus.model_validate(source_status([facts(sink=sink(health=report))], status).dump())
    assert status.firehose is not None
    assert status.firehose.fenced == count


@pytest.mark.parametrize(("state", "shown"), [(SourceState.BACKPRESSURE, "412/s"), (SourceState.CONNECTING, None)])
def test_the_rate_is_shown_while_streaming_or_under_backpressure(state: SourceState, shown: str | None) -> None:
    stream = after(facts(sink=reporting(state))).firehose
    assert stream is not None
    assert stream.rate == shown


def test_status_has_host_and_image() -> None:
    status = after(facts(pods=(pod(image="sluice:2"),)))
    assert (status.host, status.image) == ("relay1.us-east.bsky.network", "sluice:2")
    assert after(facts(), replace(facts(), pods=())).image == "sluice:1"


def test_an_image_that_cannot_be_pulled_is_not_reported() -> None:
    status = after(facts(now=ago(60)), facts(pods=(waiting_pod("ImagePullBackOff", age=40, image="nowhere:2"),)))
    assert status.image == "sluice:1"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0s"),
        (0, "0s"),
        (2.9, "2s"),
        (59, "59s"),
        (60, "1m"),
        (190, "3m10s"),
        (3600, "1h"),
        (7265, "2h1m"),
        (86_400, "1d"),
        (273_600, "3d4h"),
    ],
)
def test_human_duration(seconds: float, text: str) -> None:
    assert human_duration(seconds) == text


@pytest.mark.parametrize(("rate", "text"), [(0.0, "0.0/s"), (0.44, "0.4/s"), (9.9, "9.9/s"), (412.3, "412/s")])
def test_human_rate(rate: float, text: str) -> None:
    assert human_rate(rate) == text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2026-11-24T12:00:00Z", True),
        ("2026-11-24T12:00:00.000Z", True),
        ("2026-11-24T14:00:00.000000+02:00", True),
        ("2026-11-24T12:00:00", False),
        ("yesterday", False),
        ("", False),
        (None, False),
        (5, False),
    ],
)
def test_parse_time(text: object, found: bool) -> None:  # noqa: FBT001
    assert parse_time(text) == (NOW if found else None)
