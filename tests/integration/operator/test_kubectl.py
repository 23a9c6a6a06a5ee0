"""The output of kubectl for a source, and the numbers of its stream and its consumers."""

import time
from collections.abc import Callable

import pytest

from sluice_redis.contract import SourceState, Stream, StreamKeys
from tests.integration.operator.conftest import OperatorProcess
from tests.integration.operator.kinds import BackfillSituation
from tests.integration.operator.reconcile_request import wait_status_current
from tests.integration.operator.situation import NAME, Situation, eventually
from tests.integration.redis_server import RedisServer

HOST = "relay1.us-east.bsky.network"
SEQ = 6_322_875_401
SECRET = "mine"


@pytest.fixture
def streaming(
    place: Situation, start: Callable[..., OperatorProcess], own_redis: Callable[..., RedisServer]
) -> Situation:
    """A streaming Relay with consumers."""
    place.sink, place.host = own_redis(), HOST
    place.keys = StreamKeys(stream=Stream.FIREHOSE, host=HOST)
    place.apply_secret(SECRET, url=place.sink.url)
    start()
    place.apply_relay(host=HOST, redis={"secretRef": {"name": SECRET}}, backfill={"enabled": True})
    place.stream(SEQ)
    client = place.redis
    for seq in range(9):
        place.store(SEQ + seq)
    client.xgroup_create(place.keys.entries, "indexer", id="0")
    client.xreadgroup("indexer", "one", {place.keys.entries: ">"}, count=4)
    client.xgroup_create(place.keys.entries, "search", id="0")

    def is_reported() -> bool:
        found = place.status()["firehose"]
        numbers = found["cursor"], found["streamLength"], found["consumersLag"], len(found["consumerGroups"])
        return numbers == (str(SEQ + 8), 10, 10, 2)

    eventually(is_reported)
    return place


def columns(place: Situation, *arguments: str) -> dict[str, str]:
    """The only row of a table: column -> cell."""
    head, row = place.kubectl("get", *arguments).splitlines()
    starts = [index for index, letter in enumerate(head) if letter != " " and (index == 0 or head[index - 1] == " ")]
    ends = [*starts[1:], None]
    return {head[a:b].strip(): row[a:b].strip() for a, b in zip(starts, ends, strict=True)}


def test_the_numbers_of_the_stream_and_its_consumers(streaming: Situation) -> None:
    firehose = streaming.status()["firehose"]
    indexer, search = firehose["consumerGroups"]
    assert (indexer["name"], indexer["lag"], indexer["pending"], indexer["consumers"]) == ("indexer", 6, 4, 1)
    assert indexer["oldestPendingSeconds"] >= 0
    assert search == {"name": "search", "lag": 10, "pending": 0, "consumers": 0}
    assert firehose["streamLength"] == 10
    assert firehose["streamBytes"] > 500
    assert firehose["newestEventAgeSeconds"] < 30

    streaming.redis.xreadgroup("search", "one", {streaming.keys.entries: ">"})
    eventually(lambda: streaming.status()["firehose"]["consumersLag"] == 6)
    streaming.redis.xgroup_destroy(streaming.keys.entries, "search")
    streaming.redis.xgroup_destroy(streaming.keys.entries, "indexer")
    eventually(lambda: "consumerGroups" not in streaming.status()["firehose"])
    assert "consumersLag" not in streaming.status()["firehose"]


def test_growing_ages_are_not_written(streaming: Situation) -> None:
    pod = streaming.pod()
    wait_status_current(streaming)
    before = streaming.relay()["metadata"]["resourceVersion"]
    for _ in range(10):
        time.sleep(1)
        streaming.report(SourceState.STREAMING, pod=pod)
    assert streaming.relay()["metadata"]["resourceVersion"] == before
    streaming.store(SEQ + 100)
    eventually(lambda: streaming.status()["firehose"]["cursor"] == str(SEQ + 100))
    assert streaming.status()["firehose"]["consumerGroups"][0]["oldestPendingSeconds"] >= 9


def test_get(streaming: Situation) -> None:
    table = streaming.kubectl("get", "relays")
    assert all(len(line) <= 100 for line in table.splitlines()), table
    assert f"relay.sluice.dev/{NAME}" in streaming.kubectl("get", "atproto")
    row = columns(streaming, "rly")
    assert {name: row[name] for name in ("HOST", "READY", "CURSOR", "RATE", "RESTARTS", "REASON")} == {
        "HOST": HOST,
        "READY": "True",
        "CURSOR": str(SEQ + 8),
        "RATE": "12/s",
        "RESTARTS": "0",
        "REASON": "Streaming",
    }


def test_get_wide(streaming: Situation) -> None:
    listing = BackfillSituation(streaming.control_plane, streaming.namespace, streaming.sink)
    listing.keys = StreamKeys(stream=Stream.BACKFILL, host=HOST)
    pod = listing.run_pod()
    listing.list_page("1000", 3)
    listing.report(SourceState.STREAMING, pod=pod)
    streaming.report(SourceState.STREAMING)
    streaming.redis.hset(streaming.keys.health, "lastError", "the source closed the connection")
    eventually(lambda: streaming.status()["backfill"]["progress"] == "3 repos")
    eventually(lambda: streaming.status()["firehose"]["lastError"])
    streaming.wait_condition("Ready", "True", "Streaming")
    row = columns(streaming, "relay", NAME, "-o", "wide")
    assert (row["LENGTH"], row["CONSUMERS"], row["BACKFILL"]) == ("10", "10", "3 repos")
    assert (row["LAST-ERROR"], row["REASON"]) == ("the source closed the connection", "Streaming")
    assert row["MESSAGE"] == f"Streaming from {HOST}"


def test_kubectl_explain_describes_the_numbers(streaming: Situation) -> None:
    text = streaming.kubectl("explain", "relay.status.firehose.consumerGroups")
    assert "Number of entries that were delivered to consumers and are not acknowledged." in " ".join(text.split())
    text = " ".join(streaming.kubectl("explain", "relay.status.firehose.lagSeconds").split())
    assert "Age of the newest event in seconds when it was stored" in text, "which is not its age now"
    text = streaming.kubectl("explain", "labeler.status.restarts.inWindow")
    assert "spec.health.stableWindowSeconds" in text
