"""Runs a module in a process whose timers run faster: `fast_clock.py SPEED MODULE [ARGUMENT...]`.

A test that proves what happens after a minute need not take one. Every timer of the process counts in the same
faster seconds: those of the event loop, `time.monotonic`, `time.sleep` and `signal.setitimer`. The time of day stays
that of the machine, since others read what is written of it.

What the process waits for from outside, such as an answer, is not faster. So a deadline is shorter for those who
must keep it: choose a SPEED that leaves seconds, not milliseconds.
"""

import asyncio
import runpy
import selectors
import signal
import sys
import time
from collections.abc import Callable


class FastSelector(selectors.DefaultSelector):
    """Waits for real seconds where the loop asks for faster ones."""

    speed = 1.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(timeout / self.speed if timeout and timeout > 0 else timeout)


class FastPolicy(asyncio.DefaultEventLoopPolicy):
    """Makes loops with that selector."""

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.SelectorEventLoop(FastSelector())


def speed_up(speed: float) -> None:
    """Let every timer of this process run `speed` times as fast."""
    monotonic, sleep, setitimer = time.monotonic, time.sleep, signal.setitimer
    began = monotonic()

    def fast_monotonic() -> float:
        return began + (monotonic() - began) * speed

    def fast_sleep(seconds: float) -> None:
        sleep(seconds / speed)

    def fast_setitimer(which: int, seconds: float, interval: float = 0.0) -> tuple[float, float]:
        return setitimer(which, seconds / speed, interval / speed)

    replaced: dict[str, Callable[..., object]] = {"monotonic": fast_monotonic, "sleep": fast_sleep}
    for name, function in replaced.items():
        setattr(time, name, function)
    signal.setitimer = fast_setitimer  # type: ignore[assignment]
    FastSelector.speed = speed
    asyncio.set_event_loop_policy(FastPolicy())


def command(module: str, *arguments: str, speed: float = 1.0) -> list[str]:
    """The command line that runs `module`, with faster timers if `speed` is not 1."""
    if speed == 1.0:
        return [sys.executable, "-m", module, *arguments]
    return [sys.executable, __file__, str(speed), module, *arguments]


if __name__ == "__main__":
    sys.path.pop(0)  # this folder, which holds no packages
    speed_up(float(sys.argv[1]))
    sys.argv = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
