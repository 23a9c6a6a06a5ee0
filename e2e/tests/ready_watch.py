"""Watches the Labelers of a namespace, and keeps what each version says of Ready and of restarts."""

from __future__ import annotations

import json
import subprocess
import threading
from collections import defaultdict
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

from e2e.cluster.provider import Cluster


class ReadyWatch:
    """Watches while its context lasts, from the state at its beginning on."""

    def __init__(self, cluster: Cluster, *, namespace: str) -> None:
        self._cluster = cluster
        self._path = f"/apis/sluice.dev/v1alpha1/namespaces/{namespace}/labelers"
        self._seen: dict[str, list[tuple[str, str]]] = defaultdict(list)
        self._restarts: dict[str, int] = {}
        self._failure: Exception | None = None
        self._process: subprocess.Popen[str] | None = None
        self._is_over = False

    def __enter__(self) -> Self:
        listed = json.loads(self._cluster.kubectl("get", "--raw", self._path))
        for item in listed["items"]:
            self._keep(item)
        self._thread = threading.Thread(target=self._run, args=(listed["metadata"]["resourceVersion"],), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over = True
        while self._thread.is_alive():
            if self._process is not None:
                self._process.terminate()
            self._thread.join(1)

    @property
    def restarts(self) -> dict[str, int]:
        """By name: the restarts in the newest status."""
        self._check()
        return dict(self._restarts)

    def ready(self, name: str) -> list[tuple[str, str]]:
        """Status and reason of Ready of a Labeler, the oldest first. Each differs from the one before."""
        self._check()
        return list(self._seen[name])

    def unsettled(self, names: Iterable[str], *, restarts: int) -> list[str]:
        """Which of them have another number of restarts, or do not stream now."""
        return [
            name for name in names if self._restarts[name] != restarts or self._seen[name][-1] != ("True", "Streaming")
        ]

    def _check(self) -> None:
        if self._failure is not None:
            raise AssertionError("the watch has failed") from self._failure

    def _run(self, version: str) -> None:
        try:
            while not self._is_over:
                version = self._follow(version)
        except Exception as error:  # noqa: BLE001 - the thread of the test raises it
            self._failure = error

    def _follow(self, version: str) -> str:
        """Watch from a version on, until the server ends the watch. Returns the last version, so none is missed."""
        command = ["kubectl", "get", "--raw", f"{self._path}?watch=1&resourceVersion={version}"]
        environment = self._cluster.environment()
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as self._process:
            assert self._process.stdout
            for line in self._process.stdout:
                event = json.loads(line)
                if event["type"] != "MODIFIED":
                    raise ValueError(line)
                version = event["object"]["metadata"]["resourceVersion"]
                self._keep(event["object"])
        return version

    def _keep(self, labeler: dict[str, Any]) -> None:
        name, status = labeler["metadata"]["name"], labeler["status"]
        ready = next(one for one in status["conditions"] if one["type"] == "Ready")
        self._restarts[name] = status.get("restarts", {}).get("count", 0)
        seen = self._seen[name]
        if not seen or seen[-1] != (ready["status"], ready["reason"]):
            seen.append((ready["status"], ready["reason"]))
