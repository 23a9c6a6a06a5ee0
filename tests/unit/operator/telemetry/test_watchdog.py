"""The watchdog, tested in a separate process, which it ends."""

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


def test_a_blocked_loop_ends_the_process_with_its_stack() -> None:
    done = run("hangs()")
    assert done.returncode == 1
    assert done.stdout == "busy is not blocked\n"
    assert "Timeout" in done.stderr
    assert "in hangs" in done.stderr


def test_a_shutdown_that_takes_too_long_is_forced() -> None:
    done = run("guard.cancel(); await asyncio.sleep(0); hangs()")
    assert done.returncode == 1
    assert "in hangs" in done.stderr


def test_a_shutdown_in_time_exits_normally() -> None:
    done = run("guard.cancel()")
    assert (done.returncode, done.stdout) == (0, "busy is not blocked\nthe end\n"), done.stderr
