"""A source of one test: its address, and what its simulator sent, asked through the API server's proxy."""

import time
from dataclasses import dataclass
from typing import Any, Final

from e2e.cluster.provider import Cluster
from e2e.tests.control import Control
from e2e.tests.wait import PATIENCE_SECONDS, eventually

_POLL_SECONDS: Final = 1.0


@dataclass(frozen=True, kw_only=True)
class Source:
    """One source, with a database of Redis that no other has.

    `control` and what needs it are for simulators only.
    """

    cluster: Cluster
    name: str
    namespace: str
    address: str
    """The value for `spec.host`."""
    seqs: range
    """Every seq that it may send."""
    database: int

    @property
    def host(self) -> str:
        """HOST in the names of keys in Redis."""
        return self.address.partition("://")[2]

    @property
    def control(self) -> Control:
        """The control interface of the simulator."""
        return Control(kubectl=self.cluster.kubectl, service=self.name, namespace=self.namespace)

    def expected(self, *, last_seq: int) -> list[tuple[int, str, str]]:
        """(seq, type, path) of every event that must stand in the stream up to `last_seq`, in order."""
        return [event for note in self._journal() if note["seq"] <= last_seq for event in _events(note)]

    def wait_all_sent(self) -> int:
        """Wait until the simulator has sent all events up to its limit. Returns the last seq.

        A slow machine is no failure: AssertionError is raised only when the simulator sends nothing for long.
        """
        sent, since = -1, time.monotonic()
        while True:
            status = self.control.get("status")["repos"]
            if status["emitted"] == status["limit"]:
                return int(status["newest"])
            if status["emitted"] > sent:
                sent, since = status["emitted"], time.monotonic()
            assert time.monotonic() - since < PATIENCE_SECONDS, f"stopped at {sent} of {status['limit']}"
            time.sleep(_POLL_SECONDS)

    def wait_sent(self, seq: int) -> None:
        """Wait until the simulator has sent `seq`."""
        eventually(lambda: int(self.control.get("status")["repos"]["newest"]), until=lambda newest: newest >= seq)

    def _journal(self) -> list[dict[str, Any]]:
        notes: list[dict[str, Any]] = []
        offset: int | None = 0
        while offset is not None:
            page = self.control.get(f"journal?offset={offset}")
            assert not page["dropped"], "the simulator's journal is too short for this test"
            notes += page["entries"]
            offset = page["next"]
        return notes


def _events(note: dict[str, Any]) -> list[tuple[int, str, str]]:
    if note["kind"] == "#commit":
        return [(note["seq"], op["action"], op["path"]) for op in note["ops"]]
    if note["kind"] == "#sync":
        return []  # spec.firehose.syncEvents is Omit by default
    return [(note["seq"], note["kind"].removeprefix("#"), "")]


def stored_event(entry: dict[str, Any]) -> tuple[int, str, str]:
    """(seq, type, path) of an event in the stream."""
    path = f"{entry['collection']}/{entry['rkey']}" if "collection" in entry else ""
    return entry["seq"], entry["type"], path
