"""Shows which steps of a set-up run, and for how long. Runs commands with their output in a log file.

On a terminal one line shows the running steps and is redrawn every second. Elsewhere, as in the log of a CI job,
a line is printed every half minute.
"""

from __future__ import annotations

import os
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

INTERVAL_SECONDS: Final = 30.0
_REDRAW_SECONDS: Final = 1.0
_DEFAULT_COLUMNS: Final = 80


def _no_detail() -> str:
    return ""


@dataclass(frozen=True, eq=False, kw_only=True)
class _Running:
    """A step that runs. `begun` is a time of the monotonic clock; the other fields are those of `Board.step`."""

    label: str
    duration: str
    detail: Callable[[], str]
    outer: bool
    begun: float = field(default_factory=time.monotonic)

    def __str__(self) -> str:
        """`label 1 min 20 s, 12 of 30 packages`, or `label 1 min 20 s (8 minutes)` if nobody knows how far it is."""
        detail = self.detail()
        return f"{self.label} {elapsed(self.elapsed)}{f', {detail}' if detail else self.expected}"

    @property
    def elapsed(self) -> float:
        """Seconds since the step began."""
        return time.monotonic() - self.begun

    @property
    def expected(self) -> str:
        """How long the step takes, in brackets; empty if that is not known."""
        return f" ({self.duration})" if self.duration else ""


class Board:
    """Reports steps on a stream. Steps may overlap and come from several threads."""

    def __init__(self, *, stream: Callable[[], TextIO], interval: float = INTERVAL_SECONDS) -> None:
        """`interval`: seconds between two lines about the same steps, off a terminal."""
        self._stream = stream
        self._interval = interval
        self._changed = threading.Condition()
        self._running: list[_Running] = []
        self._last_write = 0.0
        self._ticking = False

    @contextmanager
    def step(
        self, label: str, *, duration: str = "", detail: Callable[[], str] = _no_detail, outer: bool = False
    ) -> Iterator[None]:
        """Report the start of a step, the step while it runs, and how long it took.

        `duration`: how long it takes, as text. `detail`: returns the progress while the step runs. `outer`: a
        step whose caller reports its start and end; it is shown only while no other step runs.
        """
        running = _Running(label=label, duration=duration, detail=detail, outer=outer)
        with self._changed:
            if not self._running:
                self._last_write = running.begun
            self._running.append(running)
            if not outer:
                self._announce(running)
            if not self._ticking:
                self._ticking = True
                threading.Thread(target=self._tick, daemon=True).start()
        try:
            yield
        except BaseException as error:
            reason = str(error).partition("\n")[0]
            self._finish(running, f"{label}: failed after {elapsed(running.elapsed)}{f': {reason}' if reason else ''}")
            raise
        self._finish(running, f"{label}: {running.elapsed:.1f} s")

    def _tick(self) -> None:
        """Report the running steps until there are none."""
        while True:
            with self._changed:
                self._changed.wait(_REDRAW_SECONDS if self._stream().isatty() else self._due_in())
                if not self._running:
                    self._ticking = False
                    return
                if self._stream().isatty():
                    self._redraw()
                elif self._due_in() <= 0:
                    self._write(f"still running: {self._line()}\n")

    def _due_in(self) -> float:
        """Seconds until the next line is due. Every line that is written puts it off."""
        return self._last_write + self._interval - time.monotonic()

    def _line(self) -> str:
        inner = [item for item in self._running if not item.outer]
        return "; ".join(map(str, inner or self._running))

    def _announce(self, running: _Running) -> None:
        if self._stream().isatty():
            self._redraw()
        else:
            self._write(f"{running.label} ...{running.expected}\n")

    def _redraw(self) -> None:
        self._write(f"\r\033[K{fitted(self._line(), columns=columns(self._stream()))}")

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
            self._last_write = time.monotonic()
            self._stream().write(text)
            self._stream().flush()


_BOARD: Final = Board(stream=lambda: sys.stderr)


def step(
    label: str, *, duration: str = "", detail: Callable[[], str] = _no_detail, outer: bool = False
) -> AbstractContextManager[None]:
    """A step on standard error: see `Board.step`."""
    return _BOARD.step(label, duration=duration, detail=detail, outer=outer)


def columns(stream: TextIO) -> int:
    """The width of a terminal in characters; 80 if the terminal does not say."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or _DEFAULT_COLUMNS
    except OSError:
        return _DEFAULT_COLUMNS


def fitted(line: str, *, columns: int) -> str:
    """A line cut to fit a terminal: only a line that does not wrap can be redrawn in place.

    >>> fitted("build it; load it", columns=12)
    'build it...'
    """
    return line if len(line) < columns else f"{line[: columns - 4]}..."


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
    duration: str = "",
    detail: Callable[[], str] = _no_detail,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    hint: str = "",
    tries: int = 1,
) -> None:
    """Run a command as a step, with its output appended to `log`.

    `tries`: how often to run it; a download that failed once goes on where it was. `label`, `duration` and `detail` are
    those of `Board.step`. Raises ClusterError with the end of the log, and with `hint`, if it fails.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output, step(label, duration=duration, detail=detail):
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
