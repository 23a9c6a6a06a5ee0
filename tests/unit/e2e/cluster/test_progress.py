"""The progress display: on a terminal one line that is redrawn, elsewhere lines at intervals."""

import io
import time
from collections.abc import Callable

import pytest

from e2e import steps
from e2e.cluster import progress
from e2e.cluster.progress import Board, elapsed
from e2e.steps import Steps


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def wait_for(text: str, stream: io.StringIO) -> str:
    deadline = time.monotonic() + 60
    while text not in stream.getvalue():
        assert time.monotonic() < deadline, stream.getvalue()
        time.sleep(0.01)
    return stream.getvalue()


def board(stream: io.StringIO, *, interval: float = 0.02) -> Board:
    return Board(stream=lambda: stream, interval=interval)


def test_off_a_terminal_a_long_step_is_reported_at_intervals() -> None:
    log = io.StringIO()
    with board(log).step("build it", duration="8 minutes, once"):
        wait_for("still running: build it 0 s (8 minutes, once)\n" * 2, log)
    lines = log.getvalue().splitlines()
    assert lines[0] == "build it ... (8 minutes, once)"
    assert lines[-1].startswith("build it: 0.")


def test_overlapping_steps_share_a_line_until_they_end() -> None:
    log = io.StringIO()
    both = board(log)
    with both.step("one"):
        with both.step("two"):
            wait_for("still running: one 0 s; two 0 s\n", log)
        log.truncate(0)
        wait_for("still running: one 0 s\n", log)


def test_an_outer_step_is_shown_only_while_no_other_step_runs() -> None:
    log = io.StringIO()
    shown = board(log)
    with shown.step("cluster", outer=True):
        assert log.getvalue() == ""
        wait_for("still running: cluster 0 s\n", log)
        with shown.step("build"):
            log.truncate(0)
            assert "cluster" not in wait_for("still running: build 0 s\n", log)


def test_a_short_step_is_reported_in_two_lines() -> None:
    log = io.StringIO()
    with board(log, interval=3600).step("short"):
        pass
    assert [line.split(":")[0] for line in log.getvalue().splitlines()] == ["short ...", "short"]


def test_on_a_terminal_one_line_is_redrawn() -> None:
    terminal = Terminal()
    with board(terminal).step("build it", duration="once"):
        wait_for("\r\033[Kbuild it 0 s (once)", terminal)
        assert "\n" not in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\033[Kbuild it: " + terminal.getvalue().rsplit(": ", 1)[1])


def test_every_line_has_the_detail_of_the_step() -> None:
    log, done = io.StringIO(), iter(range(1_000_000))
    with board(log).step("build it", detail=lambda: f"{next(done)} of 30 packages"):
        wait_for("still running: build it 0 s, 0 of 30 packages\nstill running: build it 0 s, 1 of 30 packages\n", log)
    terminal = Terminal()
    with board(terminal).step("build it", detail=lambda: "12 of 30 packages"):
        wait_for("\r\033[Kbuild it 0 s, 12 of 30 packages", terminal)


def test_on_a_terminal_a_line_never_wraps() -> None:
    terminal = Terminal()
    shown = board(terminal)
    with shown.step("a" * 50), shown.step("b" * 50):
        wait_for("; bbb", terminal)
    assert all(len(line.partition("\r")[0]) < 80 for line in terminal.getvalue().split("\033[K"))


def test_a_failed_step_is_reported_with_the_first_line_of_the_error() -> None:
    log = io.StringIO()
    with pytest.raises(ValueError, match="no"), board(log).step("build it"):
        raise ValueError("no\nnot at all")
    assert log.getvalue().splitlines()[-1] == "build it: failed after 0 s: no"


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (59.9, "59 s"), (60, "1 min 0 s"), (500, "8 min 20 s")])
def test_durations(seconds: float, text: str) -> None:
    assert elapsed(seconds) == text


def test_numbered_steps_are_reported_at_intervals(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = io.StringIO()
    quick: Callable[..., object] = board(log).step
    monkeypatch.setattr(progress, "step", quick)
    assert steps.progress is progress
    with Steps(total=1).step("wait"):
        wait_for("still running: wait 0 s\n", log)
    assert capsys.readouterr().out.splitlines()[0] == "[1/1 00:00] wait"
