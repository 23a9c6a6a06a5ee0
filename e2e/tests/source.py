"""A simulated relay in the cluster: its address, and its control interface through the API server's proxy."""

from dataclasses import dataclass
from typing import Any

from e2e.cluster.provider import Cluster
from e2e.tests.control import Control
from e2e.tests.wait import eventually


@dataclass(frozen=True, kw_only=True)
class Source:
    """One source, with a database of Redis that no other has (the simulators' control is for simulators only)."""

    cluster: Cluster
    name: str
    namespace: str
    address: str
    """What `spec.host` says."""
    seqs: range
    """Every seq that it may give."""
    database: int

    @property
    def host(self) -> str:
        """HOST in the keys of Redis."""
        return self.address.removeprefix("ws://")

    @property
    def control(self) -> Control:
        """What can be asked of the simulator."""
        return Control(kubectl=self.cluster.kubectl, service=self.name, namespace=self.namespace)

    def expected(self, *, last_seq: int) -> list[tuple[int, str, str]]:
        """(seq, type, path) of every event that must stand in the stream up to `last_seq`, in order."""
        return [event for note in self._journal() if note["seq"] <= last_seq for event in _events(note)]

    def wait_all_sent(self, *, within: float) -> int:
        """Wait until the simulator has emitted all that it was limited to; the last seq."""
        status = eventually(
            lambda: self.control.get("status")["repos"],
            until=lambda repos: bool(repos["emitted"] == repos["limit"]),
            within=within,
            every=1,
        )
        return int(status["newest"])

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
    """The same of an event in the stream."""
    path = f"{entry['collection']}/{entry['rkey']}" if "collection" in entry else ""
    return entry["seq"], entry["type"], path
