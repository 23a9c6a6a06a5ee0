"""What goes on and for how long, told while it goes on; and commands whose output goes to a log file.

On a terminal one line shows the steps that run and is redrawn every second. Elsewhere, as in the log of a CI
job, a line comes at intervals, so that nobody takes a long step for one that hangs.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final, TextIO

from e2e.cluster.errors import ClusterError, tail

INTERVAL_SECONDS: Final = 20.0
_REDRAW_SECONDS: Final = 1.0


@dataclass(frozen=True, eq=False)
class _Running:
    """A step that runs; times are of the monotonic clock."""

    label: str
    about: str
    outer: bool
    begun: float = field(default_factory=time.monotonic)

    def __str__(self) -> str:
        """`label 1 min 20 s (about 8 min)`."""
        return f"{self.label} {elapsed(time.monotonic() - self.begun)}{self.expected}"

    @property
    def expected(self) -> str:
        """In brackets, how long it takes; empty if nobody knows."""
        return f" ({self.about})" if self.about else ""


class Board:
    """Tells of steps on a stream. Steps may overlap and come from several threads."""

    def __init__(self, *, stream: Callable[[], TextIO], interval: float = INTERVAL_SECONDS) -> None:
        """`interval`: seconds between two lines about the same steps, off a terminal."""
        self._stream = stream
        self._interval = interval
        self._changed = threading.Condition()
        self._running: list[_Running] = []
        self._told = 0.0
        self._beats = False

    @contextmanager
    def step(self, label: str, *, about: str = "", outer: bool = False) -> Iterator[None]:
        """Announce a step, tell of it while it runs, and of its duration when it is done.

        `about`: how long it takes, in words. `outer`: a step that its caller announces, and that is told of
        only while no step inside it runs.
        """
        running = _Running(label, about, outer)
        with self._changed:
            if not self._running:
                self._told = running.begun
            self._running.append(running)
            if not outer:
                self._announce(running)
            if not self._beats:
                self._beats = True
                threading.Thread(target=self._beat, daemon=True).start()
        try:
            yield
        except BaseException:
            self._finish(running, f"{label}: failed after {elapsed(time.monotonic() - running.begun)}")
            raise
        self._finish(running, f"{label}: {time.monotonic() - running.begun:.1f} s")

    def _beat(self) -> None:
        """Tell of the steps for as long as there are any."""
        while True:
            with self._changed:
                self._changed.wait(_REDRAW_SECONDS if self._stream().isatty() else self._left())
                if not self._running:
                    self._beats = False
                    return
                if self._stream().isatty():
                    self._redraw()
                elif self._left() <= 0:
                    self._write(f"still running: {self._line()}\n")

    def _left(self) -> float:
        """Seconds until the next line is due; any line that is written meanwhile puts it off."""
        return self._told + self._interval - time.monotonic()

    def _line(self) -> str:
        inner = [item for item in self._running if not item.outer]
        return "; ".join(map(str, inner or self._running))

    def _announce(self, running: _Running) -> None:
        if self._stream().isatty():
            self._redraw()
        else:
            self._write(f"{running.label} ...{running.expected}\n")

    def _redraw(self) -> None:
        self._write(f"\r\033[K{self._line()}")

    def _finish(self, running: _Running, message: str) -> None:
        with self._changed:
            self._running.remove(running)
            terminal = self._stream().isatty()
            text = "" if running.outer else f"{message}\n"
            self._write(f"\r\033[K{text}" if terminal else text)
            if terminal and self._running:
                self._redraw()
            self._changed.notify_all()

    def _write(self, text: str) -> None:
        if text:
            self._told = time.monotonic()
            self._stream().write(text)
            self._stream().flush()


_BOARD: Final = Board(stream=lambda: sys.stderr)


def step(label: str, *, about: str = "", outer: bool = False) -> AbstractContextManager[None]:
    """A step on standard error: see `Board.step`."""
    return _BOARD.step(label, about=about, outer=outer)


def elapsed(seconds: float) -> str:
    """A duration for people.

    >>> elapsed(45), elapsed(80)
    ('45 s', '1 min 20 s')
    """
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def run(
    argv: Sequence[str | Path],
    *,
    log: Path,
    label: str,
    about: str = "",
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    hint: str = "",
    tries: int = 1,
) -> None:
    """Run a command as a step, its output appended to `log`; ClusterError with the log's end if it fails.

    `tries`: what fetches over a network may fail once, and goes on where it was.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with step(label, about=about), log.open("ab") as output:
        for _ in range(tries):
            output.write(f"$ {' '.join(map(str, argv))}\n".encode())
            output.flush()
            code = _exit_code(argv, output=output, cwd=cwd, env=env)
            if code == 0:
                return
        message = f"{label} failed (exit code {code}); log: {log}\n{tail(log)}"
        raise ClusterError(f"{message}\n{hint}".rstrip())


def _exit_code(argv: Sequence[str | Path], *, output: BinaryIO, cwd: Path | None, env: Mapping[str, str] | None) -> int:
    process = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=cwd, env=env
    )
    try:
        return process.wait()
    except BaseException:
        process.kill()
        process.wait()
        raise
