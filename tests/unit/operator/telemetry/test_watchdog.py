"""The watchdog in a process of its own, since it ends it."""

import subprocess
import sys

START = """
import asyncio, time
from sluice_operator.telemetry.watchdog import watch_event_loop

async def main():
    guard = asyncio.create_task(watch_event_loop(4))
    await asyncio.sleep(4.5)
    print("busy is not blocked", flush=True)
    {end}

def hangs():
    time.sleep(30)

asyncio.run(main())
print("the end", flush=True)
"""


def run(end: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", START.format(end=end)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_blocked_loop_ends_the_process_and_says_where_it_hangs() -> None:
    done = run("hangs()")
    assert done.returncode == 1
    assert done.stdout == "busy is not blocked\n"
    assert "Timeout" in done.stderr
    assert "in hangs" in done.stderr


def test_an_end_that_does_not_come_is_forced() -> None:
    done = run("guard.cancel(); await asyncio.sleep(0); hangs()")
    assert done.returncode == 1
    assert "in hangs" in done.stderr


def test_an_end_in_time_is_a_good_one() -> None:
    done = run("guard.cancel()")
    assert (done.returncode, done.stdout) == (0, "busy is not blocked\nthe end\n"), done.stderr
