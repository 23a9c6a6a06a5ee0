"""The reference PDS as the source: what its API was told stands in the firehose, and in Redis."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.pds import ReferencePds, unavailable_reason
from e2e.pds.client import Json
from e2e.pds.reading import read
from e2e.pds.seed import seed
from e2e.pds.server import PdsError

pytestmark = [
    pytest.mark.skipif(unavailable_reason() is not None, reason=str(unavailable_reason())),
    pytest.mark.timeout(400),  # the first use on a machine installs the PDS
]

PARENT = """
import time
from e2e.pds import ReferencePds
with ReferencePds() as pds:
    print(pds.pid, pds.data, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def pds() -> Iterator[ReferencePds]:
    with ReferencePds() as running:
        yield running


def told(event: Json) -> Json:
    """An event without what the firehose alone can tell."""
    return {key: value for key, value in event.items() if key not in {"seq", "time"}}


async def test_the_journal_tells_what_a_plain_reader_sees(pds: ReferencePds) -> None:
    journal = seed(pds.client)

    seen = await read(pds.websocket)

    assert [told(event) for event in seen] == journal.events


def test_a_port_that_is_taken_is_told_in_the_servers_own_words() -> None:
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
    """The process ends and takes its data with it, within seconds."""
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() or data.exists():
        assert time.monotonic() < deadline, f"left: process {pid} or {data}"
        time.sleep(0.05)
