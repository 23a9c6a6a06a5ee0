"""A background task that repeats a step for ever, and survives its errors.

An error in it must not affect the streams of the process, and must not be hidden either:

- Each type of error is logged once.
- All errors are counted.
- A task that has only failed for a long time makes /healthz fail, so that the process is restarted.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

from prometheus_client import Counter

from sluice_common.clock import SYSTEM_CLOCK, Clock
from sluice_common.tasks import cancel_and_wait

PAUSE_SECONDS: Final = 2.0
BROKEN_SECONDS: Final = 180.0
_log = logging.getLogger("sluice_ingester.telemetry.background_task")


class BackgroundTask:
    """Runs `step` for ever. `failures` counts the steps that raised."""

    def __init__(
        self, name: str, step: Callable[[], Awaitable[None]], *, failures: Counter, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._clock = clock
        self.name = name
        self._step = step
        self._failures = failures
        self._succeeded_at = self._clock.monotonic()
        self._is_failing = False
        self._logged_kinds: set[str] = set()

    @property
    def is_broken(self) -> bool:
        """Whether it has only failed for BROKEN_SECONDS."""
        return self._is_failing and self._clock.monotonic() - self._succeeded_at > BROKEN_SECONDS

    async def run(self) -> None:
        """Repeat the step, with a pause after each failure."""
        while True:
            try:
                await self._step()
            except Exception as error:  # noqa: BLE001 - it must not affect the streams
                self._record_failure(error)
                await self._clock.sleep(PAUSE_SECONDS)
            else:
                self._is_failing = False
                self._succeeded_at = self._clock.monotonic()

    def _record_failure(self, error: Exception) -> None:
        self._is_failing = True
        self._failures.inc()
        kind = type(error).__name__
        if kind not in self._logged_kinds:
            self._logged_kinds.add(kind)
            _log.error(
                "%s fails, and is tried again: internal error of Sluice, please report it. Further errors of this kind "
                "are only counted, in sluice_ingester_helper_failures_total",
                self.name,
                exc_info=error,
                extra={"kind": kind},
            )


class BackgroundTasks:
    """The background tasks of a process. `failures` counts the steps that raised, by the label `helper`.

    `failed` is set if a task ends although nothing has stopped it.
    """

    def __init__(self, failures: Counter) -> None:
        self._failures = failures
        self._running: dict[str, tuple[BackgroundTask, asyncio.Task[None]]] = {}
        self.failed = asyncio.Event()

    def __iter__(self) -> Iterator[BackgroundTask]:
        return iter([task for task, _ in self._running.values()])

    def start(self, kind: str, step: Callable[[], Awaitable[None]], *, name: str = "") -> None:
        """Repeat `step`. `kind` is its label in the metric. `name` identifies it, if there are several of a kind."""
        made = BackgroundTask(kind, step, failures=self._failures.labels(kind))
        name = name or kind
        task = asyncio.create_task(made.run())
        self._running[name] = made, task
        task.add_done_callback(lambda _: self.failed.set() if name in self._running else None)

    def cancel(self, name: str) -> None:
        """Stop a task, without waiting for its end."""
        self._running.pop(name)[1].cancel()

    async def stop(self, *names: str) -> None:
        """Stop tasks. Without names all of them."""
        stopped = [self._running.pop(name)[1] for name in names or tuple(self._running) if name in self._running]
        await cancel_and_wait(*stopped)
