"""Runs the Go program that evaluates objects. main.go describes its requests and responses."""

from __future__ import annotations

import json
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from e2e.cluster.layout import ROOT
from e2e.readers.build import ensure

SCRIPTS: Final = ROOT / "docs" / "argocd" / "resource_customizations"


@dataclass(frozen=True)
class ReaderVerdict:
    """The verdict of one reader on one version of an object."""

    status: str
    message: str


class Readers:
    """Evaluates any number of objects. It can be used from any thread."""

    def __init__(self, *, scripts: Path = SCRIPTS) -> None:
        self._command = [str(ensure()), "-scripts", str(scripts)]
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()

    def read(self, body: dict[str, Any]) -> tuple[ReaderVerdict, ReaderVerdict]:
        """The verdicts of kstatus and of Argo CD on the object `body`."""
        answer = self._ask(object=body)
        return ReaderVerdict(**answer["kstatus"]), ReaderVerdict(**answer["argo"])

    def actions(self, body: dict[str, Any]) -> dict[str, bool]:
        """By name, Argo CD's actions for an object, and whether each is disabled."""
        actions: dict[str, bool] = self._ask(object=body, discover=True)["actions"]
        return actions

    def act(self, body: dict[str, Any], action: str) -> dict[str, Any]:
        """An object as it is after an action of Argo CD."""
        changed: dict[str, Any] = self._ask(object=body, action=action)["object"]
        return changed

    def _ask(self, **request: Any) -> dict[str, Any]:
        with self._lock:
            assert self._process.stdin
            assert self._process.stdout
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer
