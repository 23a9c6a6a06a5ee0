"""The ingester process: builds what its sources share, runs them, and shuts down."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.metadata import version
from typing import Final

from websockets.asyncio.server import Server

from sluice_common.ticker import Ticker
from sluice_ingester.byte_budget import ByteBudget
from sluice_ingester.running_sources import RunningSources
from sluice_ingester.settings import Settings, SettingsError
from sluice_ingester.source_factory import SourceFactory
from sluice_ingester.source_list.entries import parse_source_list
from sluice_ingester.source_list.follower import SourceListFollower
from sluice_ingester.source_spec import SourceSpec, specs_of
from sluice_ingester.sources.tls import Tls
from sluice_ingester.telemetry.background_task import BackgroundTasks
from sluice_ingester.telemetry.heartbeats import Heartbeats
from sluice_ingester.telemetry.metrics import Metrics
from sluice_ingester.telemetry.probes import ProbeLines, liveness_lines, readiness_line, serve_http
from sluice_ingester.telemetry.source_gauges import SourceGauges
from sluice_ingester.telemetry.streams import Retention, measure_stream_lengths
from sluice_ingester.writer.cursor_watch import CursorWatch
from sluice_redis.ingester_settings import CA_BUNDLE
from sluice_redis.sink.call import RedisCalls
from sluice_redis.sink.connection import connect
from sluice_redis.sink.eviction_policy import EvictionPolicy
from sluice_redis.sink.many_sources import RedisManySources
from sluice_redis.sink.source_list import RedisSourceList
from sluice_redis.url import redact_url
from sluice_wire import fast_commit

VERSION: Final = version("sluice-operator")
BUILD: Final = ", not compiled" if fast_commit.__file__.endswith(".py") else ""
"""For a person who reads the log: without compiled modules an event takes several times the CPU time."""
SILENCE_SECONDS: Final = 1.0
"""If a source sends nothing for one to two of these intervals, it is silent."""
_CLOSE_SECONDS: Final = 1.0
_LOOKUP_THREADS: Final = 32

_log = logging.getLogger("sluice_ingester")


async def run(settings: Settings) -> None:
    """Ingest until SIGTERM or SIGINT. SettingsError if a setting is wrong on this machine."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    # Threads look up names. By default there are few, and sources whose name servers are silent would keep all of them.
    loop.set_default_executor(ThreadPoolExecutor(_LOOKUP_THREADS, thread_name_prefix="lookup"))
    await Process(settings).run(stop)
    _log.info("stopped")


class Process:
    """An ingester process: its sources, and what they share."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._calls = RedisCalls(connect(settings.redis_url, ca_bundle=settings.ca_bundle))
        self._metrics = Metrics()
        self._background = BackgroundTasks(self._metrics.background_task_failures)
        eviction_policy = EvictionPolicy(self._calls)
        many_sources = RedisManySources(self._calls, eviction_policy)
        self._heartbeats = Heartbeats(many_sources)
        self._cursor_watch = CursorWatch(many_sources)
        self._silence_ticker = Ticker(seconds=SILENCE_SECONDS)
        factory = SourceFactory(
            version=VERSION,
            calls=self._calls,
            eviction_policy=eviction_policy,
            cursor_watch=self._cursor_watch,
            silence_ticker=self._silence_ticker,
            budget=ByteBudget(),
            tls=_load_tls(settings),
            metrics=self._metrics,
        )
        self._sources = RunningSources(factory.make, self._heartbeats, on_change=self._follow_sources)
        self._gauges = SourceGauges(
            self._metrics, lambda: ((running.spec.stream, running.work) for running in self._sources)
        )
        self._trimmed: set[str] = set()
        self._follower: SourceListFollower | None = None
        if settings.source_list:
            self._follower = SourceListFollower(
                RedisSourceList(self._calls, settings.source_list),
                self._sources,
                parse=partial(parse_source_list, process=settings),
                pod=settings.pod_name,
            )

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop`. SettingsError if the port can't be used."""
        settings = self._settings
        fixed = {} if settings.source_list else {str(spec): spec for spec in specs_of(settings)}
        server = await self._serve_http()
        try:
            _log.info(
                "sluice-ingester %s%s: %s into %s; http port %d",
                VERSION,
                BUILD,
                ", ".join(fixed) or f"the sources that {settings.source_list} lists",
                redact_url(settings.redis_url),
                server.sockets[0].getsockname()[1],
            )
            await self._start(fixed)
            await _wait_for_any(stop, self._sources.failed, self._background.failed)
            if not stop.is_set():
                raise RuntimeError("a task has ended by itself")
            await self._background.stop("list")
            await self._sources.stop_all()
        finally:
            await self._background.stop()
            server.close()
        with contextlib.suppress(Exception):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._calls.aclose()

    async def _start(self, fixed: Mapping[str, SourceSpec]) -> None:
        await self._sources.change(start=fixed)
        start = self._background.start
        if self._follower is not None:
            start("list", self._follower.step)
        start("beat", self._heartbeats.step)
        start("check", self._cursor_watch.step)
        start("silence", self._silence_ticker.step)
        start("restart", self._sources.restart_stuck)
        start("measure", partial(measure_stream_lengths, self._calls, self._metrics, prefix=self._settings.key_prefix))

    def _follow_sources(self) -> None:
        """Let metrics and retention follow the sources that run now."""
        self._gauges.update()
        wanted = {running.spec.keys.entries for running in self._sources if running.spec.settings.trim_consumed}
        for stream in wanted - self._trimmed:
            self._background.start("retain", Retention(self._calls, stream).trim, name=f"retain {stream}")
        for stream in self._trimmed - wanted:
            self._background.cancel(f"retain {stream}")
        self._trimmed = wanted

    async def _serve_http(self) -> Server:
        port = self._settings.metrics_port
        try:
            return await serve_http(
                port, liveness=self._liveness, readiness=self._readiness, registry=self._metrics.registry
            )
        except OSError as error:
            raise SettingsError(f"METRICS_PORT={port} can't be used: {error.strerror or error}") from None

    def _liveness(self) -> ProbeLines:
        return liveness_lines(
            [running.work for running in self._sources],
            stuck=[running.work for running in self._sources.stuck()],
            background_tasks=self._background,
        )

    def _readiness(self) -> ProbeLines:
        """With a source list, the process is ready when it has applied one, however its sources are.

        Otherwise one of hundreds of sources would make the pod unready, and hold up its replacement.
        """
        lines = [readiness_line(running.work) for running in self._sources]
        if self._follower is None:
            return lines
        return [(self._follower.has_applied, self._follower.status), *((True, text) for _, text in lines)]


def _load_tls(settings: Settings) -> Tls:
    """TLS for all sources. Even a source without TLS may redirect to one with it."""
    try:
        return Tls.load(settings.ca_bundle)
    except ValueError as error:
        raise SettingsError(f"{CA_BUNDLE.variable}={str(settings.ca_bundle)!r} is not valid: {error}") from None


async def _wait_for_any(*events: asyncio.Event) -> None:
    """Wait until one of them is set."""
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
