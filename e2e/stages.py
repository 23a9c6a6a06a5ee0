"""Runs commands side by side as far as the cores allow, and prints the output of each one whole when it ends."""

from __future__ import annotations

import queue
import shutil
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final, TextIO

from e2e.cluster.progress import elapsed

INTERVAL_SECONDS: Final = 30.0
_TAIL_BYTES: Final = 2000
_TAIL_COLUMNS: Final = 100


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A command of a run."""

    name: str
    argv: tuple[str, ...]
    needs: tuple[str, ...] = ()
    """The stages that must have passed before this one starts; if one of them does not pass, this one is not run."""
    cores: float = 1
    """How many cores it keeps busy; 0 if it mostly waits."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """How a stage ended. `code` is its exit code, or None if it was not run; `seconds` is how long it ran."""

    stage: Stage
    code: int | None
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether the stage ran and its exit code is 0."""
        return self.code == 0

    @property
    def verdict(self) -> str:
        """`passed`, `failed with exit code 2` or `not run`."""
        if self.code is None:
            return "not run"
        return "passed" if self.passed else f"failed with exit code {self.code}"


def startable(waiting: Sequence[Stage], *, busy: float, passed: frozenset[str], cores: float) -> list[Stage]:
    """Of the stages that wait, in their order, those to start now.

    A stage that does not fit beside the running ones holds up those after it; one that needs an unfinished stage
    does not. A stage that needs more cores than there are runs alone.
    """
    chosen: list[Stage] = []
    for stage in waiting:
        if not passed.issuperset(stage.needs):
            continue
        if busy and stage.cores and busy + stage.cores > cores:
            break
        busy += stage.cores
        chosen.append(stage)
    return chosen


def doomed(waiting: Sequence[Stage], *, not_passed: frozenset[str]) -> list[Stage]:
    """Of the stages that wait, those that need one that did not pass."""
    return [stage for stage in waiting if not not_passed.isdisjoint(stage.needs)]


@dataclass(eq=False, kw_only=True)
class _Running:
    stage: Stage
    process: subprocess.Popen[bytes]
    output: BinaryIO
    started: float = field(default_factory=time.monotonic)

    def __str__(self) -> str:
        """`name 1 min 20 s: the last line of the output`."""
        end = self.output.seek(0, 2)
        self.output.seek(max(0, end - _TAIL_BYTES))
        lines = self.output.read().decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return f"{self.stage.name} {elapsed(time.monotonic() - self.started)}: {last[-_TAIL_COLUMNS:]}"


class Run:
    """One run of stages. The output of each goes to a file of its name in `logs`."""

    def __init__(self, *, cores: float, logs: Path, out: TextIO, interval: float = INTERVAL_SECONDS) -> None:
        """`interval`: seconds between two reports of what runs."""
        self._cores = cores
        self._logs = logs
        self._out = out
        self._interval = interval
        self._ended: queue.SimpleQueue[_Running] = queue.SimpleQueue()
        self._running: list[_Running] = []
        self._results: list[Result] = []

    def __call__(self, stages: Sequence[Stage]) -> int:
        """Run the stages, print each one's output and at last a table. The exit code: 0 if all have passed, else 1."""
        self._logs.mkdir(parents=True, exist_ok=True)
        started = time.monotonic()
        try:
            self._run_all(list(stages))
        except BaseException:
            for running in self._running:
                running.process.terminate()
            while self._running:
                self._finish(self._ended.get())
            raise
        self._print(summary(self._results, seconds=time.monotonic() - started))
        return 0 if all(result.passed for result in self._results) else 1

    def _run_all(self, waiting: list[Stage]) -> None:
        while waiting or self._running:
            for stage in self._not_to_run(waiting):
                waiting.remove(stage)
                self._results.append(Result(stage=stage, code=None))
            busy = sum(running.stage.cores for running in self._running)
            passed = frozenset(result.stage.name for result in self._results if result.passed)
            for stage in startable(waiting, busy=busy, passed=passed, cores=self._cores):
                waiting.remove(stage)
                self._start(stage)
            if self._running:
                self._finish(self._next_ended())

    def _not_to_run(self, waiting: Sequence[Stage]) -> list[Stage]:
        """Those that can't run any more, because of a stage that they need, directly or not."""
        chosen: list[Stage] = []
        not_passed = {result.stage.name for result in self._results if not result.passed}
        while more := doomed([stage for stage in waiting if stage not in chosen], not_passed=frozenset(not_passed)):
            chosen += more
            not_passed |= {stage.name for stage in more}
        return chosen

    def _start(self, stage: Stage) -> None:
        path = self._logs / f"{stage.name}.log"
        # A new file: another run may still write to the last one.
        path.unlink(missing_ok=True)
        output = path.open("w+b")
        # The file is opened twice, since a reader must not move the writer's position.
        with path.open("ab") as end:
            process = subprocess.Popen(stage.argv, stdin=subprocess.DEVNULL, stdout=end, stderr=subprocess.STDOUT)
        running = _Running(stage=stage, process=process, output=output)
        self._running.append(running)
        threading.Thread(target=self._wait, args=(running,), daemon=True).start()
        self._print(f"==> {stage.name} ...")

    def _wait(self, running: _Running) -> None:
        running.process.wait()
        self._ended.put(running)

    def _next_ended(self) -> _Running:
        while True:
            try:
                return self._ended.get(timeout=self._interval)
            except queue.Empty:
                self._print("still running:", *(f"    {running}" for running in self._running))

    def _finish(self, running: _Running) -> None:
        self._running.remove(running)
        seconds = time.monotonic() - running.started
        result = Result(stage=running.stage, code=running.process.returncode, seconds=seconds)
        self._results.append(result)
        running.output.seek(0)
        with running.output:
            text = running.output.read().decode(errors="replace").rstrip("\n")
        self._print(f"==> {result.stage.name}: {result.verdict} after {elapsed(seconds)}", *([text] if text else []))

    def _print(self, *lines: str) -> None:
        print(*lines, sep="\n", file=self._out, flush=True)


def summary(results: Sequence[Result], *, seconds: float) -> str:
    """A line for each stage, and one for the run."""
    width = max((len(result.stage.name) for result in results), default=0)
    lines = [f"    {result.stage.name:{width}}  {elapsed(result.seconds):>12}  {result.verdict}" for result in results]
    passed = sum(result.passed for result in results)
    return "\n".join([f"==> {passed} of {len(results)} stages passed in {elapsed(seconds)}", *lines])


def command(name: str, environ: Mapping[str, str]) -> tuple[str, ...]:
    """The command that makes a target of the Makefile, with the make that runs this one."""
    return (environ.get("MAKE") or shutil.which("make") or "make", "--no-print-directory", name)
