"""The reference PDS as the source: what its API wrote is in the firehose and in Redis."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from e2e.pds import ReferencePds, unavailable_reason
from e2e.pds.client import Account, Json
from e2e.pds.journal import Journal
from e2e.pds.reading import read
from e2e.pds.seed import PROFILE, post, seed
from e2e.pds.server import PdsError
from sluice_redis.contract import Stream, StreamKeys
from tests.integration.redis_server import RedisServer

pytestmark = [
    pytest.mark.skipif(unavailable_reason() is not None, reason=str(unavailable_reason())),
    pytest.mark.timeout(400),  # the first use on a machine installs the PDS
]

PARENT = """
import time
from e2e.pds import ReferencePds
with ReferencePds() as pds:
    print(pds.pid, pds.data, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def pds() -> Iterator[ReferencePds]:
    with ReferencePds() as running:
        yield running


@contextmanager
def ingester(pds: ReferencePds, redis_server: RedisServer) -> Iterator[None]:
    """An ingester from that PDS to that Redis. At the end it stops with exit status 0."""
    environment = os.environ | {
        "REDIS_URL": redis_server.url,
        "INGESTER_MODE": "firehose",
        "INGESTER_RELAY_HOSTS": pds.websocket,
        "INGESTER_COLLECTIONS": "*",
        "INGESTER_SYNC_EVENTS": "emit",
        "METRICS_PORT": "0",
    }
    with subprocess.Popen([sys.executable, "-m", "sluice_ingester"], env=environment) as process:
        try:
            yield
            process.terminate()
            assert process.wait(60) == 0
        finally:
            process.kill()


def stored(redis_server: RedisServer) -> list[Json]:
    """All events of the stream."""
    entries: Any = redis_server.client.xrange(Stream.FIREHOSE)
    return [json.loads(fields[Stream.FIREHOSE.field]) for _, fields in entries]


def wait_until(holds: Callable[[], bool], *, what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.05)


def live(journal: Journal) -> Account:
    """Create an account and write records while the ingester reads."""
    carol = journal.create_account("carol.test")
    journal.put(carol, PROFILE, "self", {"$type": PROFILE, "displayName": "Carol"})
    journal.create(carol, "app.bsky.feed.post", post("here and gone"))
    journal.delete(carol, PROFILE, "self")
    return carol


def replayed(events: list[Json]) -> dict[tuple[str, str, str], Json]:
    """The repos as a consumer of the stream builds them, with each record as com.atproto.repo.getRecord returns it."""
    records: dict[tuple[str, str, str], Json] = {}
    for event in events:
        did = event["did"]
        match event["type"]:
            case "create" | "update":
                uri = f"at://{did}/{event['collection']}/{event['rkey']}"
                answer = {"uri": uri, "cid": event["cid"], "value": event["record"]}
                records[did, event["collection"], event["rkey"]] = answer
            case "delete":
                del records[did, event["collection"], event["rkey"]]
            case "account" if event["status"] == "deleted":
                records = {key: kept for key, kept in records.items() if key[0] != did}
    return records


def without_firehose_fields(event: Json) -> Json:
    """The event without the fields that only the firehose has."""
    return {key: value for key, value in event.items() if key not in {"seq", "time"}}


async def test_the_journal_agrees_with_the_firehose(pds: ReferencePds) -> None:
    journal = seed(pds.client)

    seen = await read(pds.websocket, at_least=len(journal.events))

    assert [without_firehose_fields(event) for event in seen] == journal.events


def test_everything_that_the_api_wrote_is_in_redis(pds: ReferencePds, redis_server: RedisServer) -> None:
    journal = seed(pds.client)
    keys = StreamKeys(stream=Stream.FIREHOSE, host=pds.address)
    redis = redis_server.client

    def all_is_stored() -> bool:
        return redis.xlen(keys.entries) >= len(journal.events)

    with ingester(pds, redis_server):
        wait_until(all_is_stored, what="what was written before the ingester came")
        carol = live(journal)
        wait_until(all_is_stored, what="what was written while the ingester was reading")
        # This removes the account's past from the window of the PDS, so it must have been read before.
        journal.delete_account(carol)
        wait_until(all_is_stored, what="the deletion of an account")

    events = stored(redis_server)
    assert [without_firehose_fields(event) for event in events] == journal.events
    assert [event["seq"] for event in events] == sorted(event["seq"] for event in events)
    assert redis.get(keys.cursor) == str(events[-1]["seq"])
    assert redis.xlen(keys.deadletter) == 0
    assert replayed(events) == {key: pds.client.get_record(*key) for key in journal.records}


def test_a_port_in_use_is_reported_with_the_servers_message() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PdsError, match=f"EADDRINUSE.*{port}"), ReferencePds(port=port):
            pass


def test_nothing_is_left_when_the_context_ends() -> None:
    with ReferencePds(host="127.0.0.2") as pds:
        pds.client.create_account("alice.test")
        assert pds.data.is_dir()

    assert_gone(pds.pid, pds.data)


def test_nothing_is_left_when_the_parent_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid, data = parent.stdout.readline().split()
        parent.send_signal(signal.SIGKILL)

    assert_gone(int(pid), Path(data))


def assert_gone(pid: int, data: Path) -> None:
    """Wait until the process has ended and its data is deleted."""
    deadline = time.monotonic() + 60
    while Path(f"/proc/{pid}").exists() or data.exists():
        assert time.monotonic() < deadline, f"left: process {pid} or {data}"
        time.sleep(0.05)
