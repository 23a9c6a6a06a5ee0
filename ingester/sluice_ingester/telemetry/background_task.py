"""What is done again and again beside the ingestion. Its faults are told, and end nothing.

A helper that fails must not take the streams of its process with it, and must not fail unseen either:
each kind of fault is logged once, all are counted, and one that has not worked for long makes /healthz
fail, so that the process is restarted where somebody watches it.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

from prometheus_client import Counter

PAUSE_SECONDS: Final = 2.0
BROKEN_SECONDS: Final = 180.0
_log = logging.getLogger("sluice_ingester.telemetry.background_task")


class Helper:
    """Runs `turn` for ever. `failures` is the counter of those that raised."""

    def __init__(self, name: str, turn: Callable[[], Awaitable[None]], *, failures: Counter) -> None:
        self.name = name
        self._turn = turn
        self._failures = failures
        self._worked_at = time.monotonic()
        self._fails = False
        self._said: set[str] = set()

    @property
    def is_broken(self) -> bool:
        """Whether it has done nothing but fail for BROKEN_SECONDS."""
        return self._fails and time.monotonic() - self._worked_at > BROKEN_SECONDS

    async def run(self) -> None:
        """One turn after the other, with a pause after each that failed."""
        while True:
            try:
                await self._turn()
            except Exception as error:  # noqa: BLE001 - whatever it is, the streams go on
                self._fail(error)
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                self._fails = False
                self._worked_at = time.monotonic()

    def _fail(self, error: Exception) -> None:
        self._fails = True
        self._failures.inc()
        kind = type(error).__name__
        if kind not in self._said:
            self._said.add(kind)
            _log.error(
                "%s fails, and is tried again: a fault of Sluice's own, please report it. Further faults of this kind "
                "are counted in sluice_ingester_helper_failures_total",
                self.name,
                exc_info=error,
                extra={"kind": kind},
            )
