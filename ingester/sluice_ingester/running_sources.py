"""The sources that a process reads now. They start and stop one by one, and none affects the others."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from sluice_common.clock import SYSTEM_CLOCK, Clock
from sluice_common.tasks import cancel_and_wait
from sluice_ingester.source_spec import SourceSpec
from sluice_ingester.source_task import SourceTask
from sluice_ingester.telemetry.background_task import PAUSE_SECONDS
from sluice_ingester.telemetry.heartbeats import Heartbeats

FLUSH_SECONDS: Final = 5.0
"""How long a source that stops tries to write the events that it has read. Kubernetes waits 15 s for a process."""
_REPORT_SECONDS: Final = 1.0
"""How long the last write of health hashes may take."""
STUCK_CHECK_SECONDS: Final = 5.0
_END_SECONDS: Final = 10.0
"""A task that has not ended so long after it was cancelled can't be ended."""

_log = logging.getLogger("sluice_ingester.running_sources")


@dataclass(eq=False, slots=True)
class RunningSource:
    """A source that is read. `spec` is what to read, and `work` reads it."""

    spec: SourceSpec
    work: SourceTask
    task: "asyncio.Task[None]"
    is_stopping: bool = False
    restarted_at: float | None = None
    """When it was restarted alone because it was stuck, by the clock's `monotonic`."""
    can_end: bool = True


@dataclass(slots=True)
class RunningSources:
    """The sources that run, by name. `make` builds the task of a source.

    `on_change` is called when sources have been started or stopped. `failed` is set if the task of a source ends
    although nothing has stopped it.
    """

    make: Callable[[SourceSpec], SourceTask]
    heartbeats: Heartbeats
    on_change: Callable[[], None] = lambda: None
    clock: Clock = SYSTEM_CLOCK
    failed: asyncio.Event = field(default_factory=asyncio.Event)
    _running: dict[str, RunningSource] = field(default_factory=dict)
    _changing: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __iter__(self) -> Iterator[RunningSource]:
        return iter(tuple(self._running.values()))

    @property
    def specs(self) -> Mapping[str, SourceSpec]:
        """What runs, by name."""
        return {name: running.spec for name, running in self._running.items()}

    async def change(self, *, stop: Collection[str] = (), start: Mapping[str, SourceSpec] | None = None) -> None:
        """Stop sources by name, then start others. All that runs besides is not touched.

        A source that stops writes the events that it has read. Its health hash says `stopped`, unless one that starts
        has the same keys.
        """
        start = start or {}
        async with self._changing:
            await self._stop([self._running[name] for name in stop], keep={spec.keys for spec in start.values()})
            for name, spec in start.items():
                try:
                    self._start(name, spec)
                except Exception as error:  # noqa: BLE001 - a bug in one source must not keep the others back
                    _log.exception("internal error of Sluice: please report it", extra={"source": spec.address.host})
                    self._start(name, replace(spec, problem=f"internal error: {type(error).__name__}: {error}"))
        self.on_change()

    async def stop_all(self) -> None:
        """Stop all sources, at the end of the process."""
        for running in self:  # also if `change` is stopping some of them
            running.work.stop()
        await self._stop(list(self))

    async def restart_stuck(self) -> None:
        """Restart each source that is stuck, alone, and wait until the next check is due.

        It gets new objects and a new connection. The events that it holds are dropped, and read again.
        """
        await self.clock.sleep(STUCK_CHECK_SECONDS)
        async with self._changing:
            stuck = [name for name, running in self._running.items() if running.work.is_stuck and running.can_end]
            await asyncio.gather(*map(self._restart, stuck))
        if stuck:
            self.on_change()

    def stuck(self) -> list[RunningSource]:
        """The sources for which only a restart of the process may help.

        Such a source can't be ended. Or it is stuck again after a restart, and no source has stored anything since. So
        what all sources share may be broken.
        """
        stored_at = max((running.work.report.stored_at for running in self), default=0.0)
        return [
            running
            for running in self
            if not running.can_end
            or (running.work.is_stuck and running.restarted_at is not None and stored_at < running.restarted_at)
        ]

    def _start(self, name: str, spec: SourceSpec) -> RunningSource:
        work = self.make(spec)
        running = RunningSource(spec, work, asyncio.create_task(_run(work)))
        self._running[name] = running
        self.heartbeats.add(work.report, spec.keys)
        running.task.add_done_callback(lambda _: None if running.is_stopping else self.failed.set())
        return running

    async def _stop(self, stopping: list[RunningSource], *, keep: Collection[object] = ()) -> None:
        """Stop these sources. Those with keys in `keep` go on under the same keys."""
        if not stopping:
            return
        tasks = {running.task for running in stopping}
        for running in stopping:
            running.is_stopping = True
            running.work.stop()
        await asyncio.wait(tasks, timeout=FLUSH_SECONDS)
        cancelling = asyncio.create_task(cancel_and_wait(*tasks))
        await asyncio.wait({cancelling}, timeout=_END_SECONDS)
        for running in stopping:
            running.can_end = running.task.done()
        await cancelling
        ended = [running for running in stopping if running.spec.keys not in keep]
        for running in ended:
            running.work.report.stopped()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_REPORT_SECONDS):
                await self.heartbeats.write_last([running.work.report for running in ended])
        self.heartbeats.remove([running.work.report for running in stopping])
        self._running = {name: running for name, running in self._running.items() if running not in stopping}

    async def _restart(self, name: str) -> None:
        stuck = self._running[name]
        report = stuck.work.report
        _log.error("%s is stuck: it is restarted. Please report it", report.source, extra={"source": report.source})
        report.error("InternalError", f"{report.source} was stuck, and was restarted")
        stuck.is_stopping = True
        stuck.task.cancel()
        await asyncio.wait({stuck.task}, timeout=_END_SECONDS)
        if not stuck.task.done():
            stuck.can_end = False
            return
        self.heartbeats.remove([report])
        self._start(name, stuck.spec).restarted_at = self.clock.monotonic()


async def _run(work: SourceTask) -> None:
    """Run a source until it is stopped. An error in it does not affect the other sources of the process."""
    while True:
        try:
            await work.run()
        except Exception:  # noqa: BLE001 - one source must not end the others
            _log.exception("internal error of Sluice: please report it", extra={"source": work.report.source})
            work.report.metrics.count_error(work.report.source, "InternalError")
            await asyncio.sleep(PAUSE_SECONDS)
        else:
            return
