"""Running the stages of `make test`: order, failures, output and signals."""

import io
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from e2e import suite
from e2e.stages import Run, Stage, startable

WAIT = "import pathlib, time\nwhile not pathlib.Path({name!r}).exists(): time.sleep(0.01)\n"


def stage(name: str, code: str = "", *, needs: tuple[str, ...] = (), cores: float = 1) -> Stage:
    return Stage(name=name, argv=(sys.executable, "-c", code), needs=needs, cores=cores)


def play(tmp_path: Path, *stages: Stage, cores: float = 2, interval: float = 3600) -> tuple[int, str]:
    out = io.StringIO()
    code = Run(cores=cores, logs=tmp_path / "logs", out=out, interval=interval)(stages)
    return code, out.getvalue()


def test_all_pass_and_the_output_of_each_is_printed_whole(tmp_path: Path) -> None:
    many = "for n in range(20000): print('line', n)"
    code, out = play(tmp_path, stage("one", many), stage("two", "import sys; print('to stderr', file=sys.stderr)"))
    assert code == 0
    assert "".join(f"line {number}\n" for number in range(20000)) in out
    assert "to stderr\n" in out
    assert "2 of 2 stages passed" in out
    assert (tmp_path / "logs" / "two.log").read_text() == "to stderr\n"


def test_a_failed_stage_fails_the_run_and_the_others_still_run(tmp_path: Path) -> None:
    code, out = play(tmp_path, stage("bad", "print('why'); raise SystemExit(3)"), stage("good", "print('fine')"))
    assert code == 1
    assert "==> bad: failed with exit code 3 after 0 s\nwhy\n" in out
    assert "==> good: passed after 0 s\nfine\n" in out
    assert "1 of 2 stages passed" in out


def test_a_killed_stage_fails_the_run(tmp_path: Path) -> None:
    code, out = play(tmp_path, stage("killed", "import os; os.kill(os.getpid(), 9)"))
    assert code == 1
    assert "killed: failed with exit code -9" in out


def test_a_stage_that_needs_a_failed_one_is_not_run_and_fails_the_run(tmp_path: Path) -> None:
    code, out = play(
        tmp_path,
        stage("third", "print('ran')", needs=("second",)),
        stage("second", "print('ran')", needs=("first",)),
        stage("first", "raise SystemExit(1)"),
        stage("free", "print('free ran')"),
    )
    assert code == 1
    assert "free ran" in out
    assert "\nran" not in out
    assert {line.split()[0] for line in out.splitlines() if line.endswith("not run")} == {"second", "third"}


def test_a_stage_starts_after_those_that_it_needs(tmp_path: Path) -> None:
    made = tmp_path / "made"
    first = stage("first", f"import time, pathlib; time.sleep(0.2); pathlib.Path({str(made)!r}).touch()")
    second = stage("second", f"import pathlib; assert pathlib.Path({str(made)!r}).exists()", needs=("first",))
    assert play(tmp_path, second, first)[0] == 0


def test_two_stages_run_at_the_same_time_if_cores_allow(tmp_path: Path) -> None:
    """Each stage waits for the other, so the test ends only if both run at the same time."""
    a, b = str(tmp_path / "a"), str(tmp_path / "b")
    touch = "import pathlib; pathlib.Path({name!r}).touch()\n"
    code, _ = play(
        tmp_path,
        stage("a", touch.format(name=a) + WAIT.format(name=b)),
        stage("b", touch.format(name=b) + WAIT.format(name=a)),
    )
    assert code == 0


def names(*waiting: Stage, busy: float = 0, passed: frozenset[str] = frozenset()) -> list[str]:
    return [each.name for each in startable(waiting, busy=busy, passed=passed, cores=2)]


def test_stages_start_in_order_as_far_as_cores_allow() -> None:
    one, two, large = stage("one"), stage("two"), stage("large", cores=8)
    assert names(one, two, stage("three")) == ["one", "two"]
    assert names(one, large, two) == ["one"], "a large one is not overtaken for ever"
    assert names(large) == ["large"], "it runs alone"
    assert names(large, busy=1) == []
    assert names(stage("waits", cores=0), busy=2) == ["waits"]
    assert names(stage("later", needs=("x",)), one) == ["one"]
    assert names(stage("later", needs=("x",)), one, passed=frozenset("x")) == ["later", "one"]


def test_a_running_stage_is_reported_with_its_last_line(tmp_path: Path) -> None:
    gate = tmp_path / "gate"

    class Out(io.StringIO):
        def write(self, text: str) -> int:
            if "slow 0 s: half way" in text:
                gate.touch()
            return super().write(text)

    out = Out()
    slow = stage("slow", "print('begun\\nhalf way\\n', flush=True)\n" + WAIT.format(name=str(gate)))
    assert Run(cores=2, logs=tmp_path / "logs", out=out, interval=0.05)([slow]) == 0
    assert out.getvalue().endswith("passed\n")


@pytest.mark.parametrize(("number", "expected"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_run_that_is_stopped_ends_its_stages_and_prints_their_output(
    number: signal.Signals, expected: int, tmp_path: Path
) -> None:
    pid = tmp_path / "pid"
    endless = (
        "import os, pathlib, time; print('so far', flush=True)\n"
        f"pathlib.Path({str(pid)!r}).write_text(str(os.getpid())); time.sleep(300)"
    )
    script = (
        "import sys, pathlib\nfrom e2e import suite\nfrom e2e.stages import Stage\n"
        f"suite.STAGES = [Stage(name='endless', argv=(sys.executable, '-c', {endless!r}))]\n"
        f"suite.Layout = lambda: type('Here', (), {{'cache': pathlib.Path({str(tmp_path)!r})}})\n"
        "sys.exit(suite.main())\n"
    )
    run = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (pid.exists() and pid.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    run.send_signal(number)
    out, _ = run.communicate(timeout=60)
    assert run.returncode == expected
    assert "so far\n" in out
    assert not Path(f"/proc/{pid.read_text()}").exists()


def test_the_stages_of_make_test_are_targets_of_the_makefile_that_need_known_ones() -> None:
    makefile = (Path(suite.__file__).parents[1] / "Makefile").read_text()
    known = {each.name for each in suite.STAGES}
    assert len(known) == len(suite.STAGES)
    for each in suite.STAGES:
        assert f"\n{each.name}: " in makefile
        assert known.issuperset(each.needs)
        assert each.argv[-1] == each.name
