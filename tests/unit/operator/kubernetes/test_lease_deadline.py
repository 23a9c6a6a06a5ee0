"""The deadline of the leader, tested in a separate process, which it ends."""

import os
import signal
import subprocess
import sys
import time
from textwrap import indent

import pytest

START = """
import asyncio, os, time
from sluice_operator.kubernetes.lease_deadline import LeaseDeadline

async def work():
    while True:
        print(time.monotonic(), flush=True)
        await asyncio.sleep(0.01)

async def main():
    deadline = LeaseDeadline()
    working = asyncio.create_task(work())
    await asyncio.sleep(0.1)
{steps}
    print("the end", flush=True)

asyncio.run(main())
"""
HOLD = "deadline.extend_to(time.monotonic() + 0.5)\n"


def start(steps: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", START.format(steps=indent(steps, "    "))]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize(
    "steps",
    [
        HOLD + "await asyncio.sleep(30)",
        HOLD + "time.sleep(30)",
        HOLD + "while True: pass",
        HOLD + "await asyncio.to_thread(time.sleep, 30)",
        "deadline.extend_to(time.monotonic())",
        "deadline.extend_to(time.monotonic() - 3)",
    ],
)
def test_the_process_ends_in_time_even_if_its_loop_is_blocked(steps: str) -> None:
    process = start(steps)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "The lease could not be renewed in time" in err
    assert "the end" not in out


def test_the_process_lives_while_the_deadline_is_extended_or_cancelled() -> None:
    renewal = HOLD.replace("0.5", "5")  # a busy machine may pause for a second or two
    steps = f"for _ in range(3):\n    {renewal}    await asyncio.sleep(2)\ndeadline.cancel()\nawait asyncio.sleep(3.2)"
    process = start(steps)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert "the end\n" in out  # the work may take one more step while it is cancelled


def test_a_paused_process_takes_no_further_step_after_the_deadline() -> None:
    process = start(HOLD + "await asyncio.sleep(30)")
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(0.3)
    os.kill(process.pid, signal.SIGSTOP)
    time.sleep(1)
    resumed = time.monotonic()
    os.kill(process.pid, signal.SIGCONT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert float(out.splitlines()[-1]) < resumed
