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


class BackgroundTask:
    """Runs `turn` for ever. `failures` is the counter of those that raised."""

    def __init__(self, name: str, step: Callable[[], Awaitable[None]], *, failures: Counter) -> None:
        self.name = name
        self._step = step
        self._failures = failures
        self._succeeded_at = time.monotonic()
        self._is_failing = False
        self._logged_kinds: set[str] = set()

    @property
    def is_broken(self) -> bool:
        """Whether it has done nothing but fail for BROKEN_SECONDS."""
        return self._is_failing and time.monotonic() - self._succeeded_at > BROKEN_SECONDS

    async def run(self) -> None:
        """One turn after the other, with a pause after each that failed."""
        while True:
            try:
                await self._step()
            except Exception as error:  # noqa: BLE001 - whatever it is, the streams go on
                self._record_failure(error)
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                self._is_failing = False
                self._succeeded_at = time.monotonic()

    def _record_failure(self, error: Exception) -> None:
        self._is_failing = True
        self._failures.inc()
        kind = type(error).__name__
        if kind not in self._logged_kinds:
            self._logged_kinds.add(kind)
            _log.error(
                "%s fails, and is tried again: a fault of Sluice's own, please report it. Further faults of this kind "
                "are counted in sluice_ingester_helper_failures_total",
                self.name,
                exc_info=error,
                extra={"kind": kind},
            )
