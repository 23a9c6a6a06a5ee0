"""Records every version of every resource in a namespace, with the words of the readers for it."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final, Self

from e2e.cluster.provider import Cluster
from e2e.readers import Readers
from e2e.tests.situations.verdicts import NOT_THERE, Reading, Words, condition, waits_for_ready
from sluice_operator.api.base import API_VERSION
from sluice_operator.kinds.registry import KINDS

PLURALS: Final = {kind.name.lower(): kind.plural for kind in KINDS}
Key = tuple[str, str]
"""Kind and name."""


@dataclass(frozen=True, kw_only=True)
class Version:
    """A resource as it was between two writes of the API server."""

    at: float
    """When it was received, on the monotonic clock."""
    body: dict[str, Any]
    reading: Reading
    gone: bool

    @property
    def generation(self) -> int:
        """The generation of the spec."""
        return int(self.body["metadata"]["generation"])

    @property
    def outdated(self) -> bool:
        """Whether the status belongs to an earlier spec. Then all readers but the column have to wait."""
        return not self.gone and bool(self.body["status"]["observedGeneration"] != self.generation)


class Recorder:
    """Watches while its context lasts."""

    def __init__(
        self, cluster: Cluster, readers: Readers, *, namespace: str, kinds: Iterable[str] = tuple(PLURALS)
    ) -> None:
        self._kinds = kinds
        self._cluster = cluster
        self._readers = readers
        self._namespace = namespace
        self._changed = threading.Condition()
        self._versions: dict[Key, list[Version]] = {}
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._ended = False
        self._threads: list[threading.Thread] = []
        self.errors: list[str] = []

    def __enter__(self) -> Self:
        for kind in self._kinds:
            thread = threading.Thread(target=self._follow, args=(kind,), daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended = True
        for process in self._processes.values():
            process.terminate()
        for thread in self._threads:
            thread.join()

    def versions(self, key: Key) -> list[Version]:
        """All so far, the oldest first."""
        with self._changed:
            return list(self._versions.get(key, ()))

    def seen(self) -> list[Key]:
        """The keys of all resources that were ever there."""
        with self._changed:
            return list(self._versions)

    def wait(self, key: Key, until: Callable[[list[Version]], bool], *, seconds: float) -> bool:
        """Wait until `until` holds for the versions of a resource. False if it does not in time."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while not until(self._versions.get(key, [])):
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(left)
            return True

    def _follow(self, kind: str) -> None:
        """Watch the resources of one kind. A watch that ends starts again at its last version, so none is missed."""
        path = f"/apis/{API_VERSION}/namespaces/{self._namespace}/{PLURALS[kind]}"
        listed = json.loads(self._cluster.kubectl("get", "--raw", path))
        last = listed["metadata"]["resourceVersion"]
        while not self._ended:
            process = subprocess.Popen(
                ["kubectl", "get", "--raw", f"{path}?watch=1&resourceVersion={last}"],
                env=self._cluster.environment(),
                stdout=subprocess.PIPE,
                text=True,
            )
            self._processes[kind] = process
            assert process.stdout
            for line in process.stdout:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    self._fail(event["object"])
                    continue
                last = event["object"]["metadata"]["resourceVersion"]
                self._record(kind, event["object"], gone=event["type"] == "DELETED")
            process.wait()

    def _fail(self, status: dict[str, Any]) -> None:
        if status.get("code") != HTTPStatus.GATEWAY_TIMEOUT:  # the watch cache of a new CRD is not ready yet
            self.errors.append(json.dumps(status))
        time.sleep(1)

    def _record(self, kind: str, body: dict[str, Any], *, gone: bool) -> None:
        reading = NOT_THERE if gone else self._read(body)
        version = Version(at=time.monotonic(), body=body, reading=reading, gone=gone)
        with self._changed:
            self._versions.setdefault((kind, body["metadata"]["name"]), []).append(version)
            self._changed.notify_all()

    def _read(self, body: dict[str, Any]) -> Reading:
        kstatus, argo = self._readers.read(body)
        ready = condition(body, "Ready")
        words = Words(waits_for_ready(body), kstatus.status, argo.status, ready.get("status", ""))
        return Reading(words, ready.get("reason", ""))
