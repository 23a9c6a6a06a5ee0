"""The ingester process: builds its parts from the settings, runs them, and shuts down."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Iterator
from functools import partial
from importlib.metadata import version
from typing import Final

from sluice_common.tasks import cancel_and_wait
from sluice_ingester.batches.batcher import Batcher
from sluice_ingester.cursor.tracker import CursorTracker
from sluice_ingester.event_streams import EVENT_STREAMS
from sluice_ingester.pipeline.pipeline import Pipeline
from sluice_ingester.settings import Settings, SettingsError
from sluice_ingester.source_task import SourceTask
from sluice_ingester.sources.address import Address
from sluice_ingester.sources.tls import Tls
from sluice_ingester.telemetry.background_task import PAUSE_SECONDS, BackgroundTask
from sluice_ingester.telemetry.health_report import HealthReport
from sluice_ingester.telemetry.heartbeat import Retention, measure_stream_lengths, send_heartbeat
from sluice_ingester.telemetry.metrics import Metrics
from sluice_ingester.telemetry.probes import serve_http
from sluice_ingester.writer.batch_writer import BatchWriter
from sluice_redis.client import RedisClient
from sluice_redis.contract import SourceState, Stream, StreamKeys
from sluice_redis.ingester_settings import CA_BUNDLE, Mode, OnPageError
from sluice_redis.sink.connection import connect
from sluice_redis.sink.redis_sink import RedisSink
from sluice_redis.url import redact_url
from sluice_wire import fast_commit
from sluice_wire.repo_page import NSID as LIST_REPOS

VERSION: Final = version("sluice-operator")
BUILD: Final = ", not compiled" if fast_commit.__file__.endswith(".py") else ""
"""For a person who reads the log: without compiled modules an event takes several times the CPU time."""
FLUSH_SECONDS: Final = 5.0
"""How long a process that stops tries to write the events that it has read. Kubernetes waits 15 s."""

_log = logging.getLogger("sluice_ingester")


async def run(settings: Settings) -> None:
    """Ingest until SIGTERM or SIGINT. SettingsError if a setting is wrong on this machine."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    tls = _tls(settings)
    metrics = Metrics()
    redis = connect(settings.redis_url, ca_bundle=settings.ca_bundle)
    source_tasks: list[SourceTask] = []
    failures = metrics.background_task_failures
    background_tasks = [
        BackgroundTask(
            "measure",
            partial(measure_stream_lengths, redis, metrics, prefix=settings.key_prefix),
            failures=failures.labels("measure"),
        )
    ]
    sinks: list[tuple[HealthReport, RedisSink]] = []
    for stream, address in _sources(settings):
        event_stream = EVENT_STREAMS.get(stream)
        keys = StreamKeys(
            stream=stream, host=address.host, prefix=settings.key_prefix, former_hosts=address.former_hosts
        )
        sink = RedisSink(
            redis,
            keys,
            high_water_mark=settings.high_water_mark,
            deduplicate_seconds=settings.deduplicate_seconds if event_stream and event_stream.is_deduplicated else None,
        )
        report = HealthReport(
            address.host,
            metrics=metrics,
            pod=settings.pod_name,
            version=VERSION,
            often_quiet=event_stream is not None and event_stream.often_quiet,
        )
        make = _pipeline if event_stream else _backfill
        source_tasks.append(make(settings, address, tls=tls, sink=sink, report=report))
        background_tasks.append(
            BackgroundTask("beat", partial(send_heartbeat, report, sink), failures=failures.labels("beat"))
        )
        sinks.append((report, sink))
    if settings.trim_consumed:
        background_tasks += [
            BackgroundTask("retain", Retention(redis, stream).trim, failures=failures.labels("retain"))
            for stream in sorted({sink.keys.entries for _, sink in sinks})
        ]
    _register_gauges(metrics, source_tasks)

    try:
        server = await serve_http(
            settings.metrics_port,
            source_tasks=source_tasks,
            background_tasks=background_tasks,
            registry=metrics.registry,
        )
    except OSError as error:
        raise SettingsError(f"METRICS_PORT={settings.metrics_port} can't be used: {error.strerror or error}") from None
    port = server.sockets[0].getsockname()[1]
    _log.info(
        "sluice-ingester %s%s: %s into %s; http port %d",
        VERSION,
        BUILD,
        ", ".join(f"{stream} of {address.host}" for stream, address in _sources(settings)),
        redact_url(settings.redis_url),
        port,
    )
    running_sources = [asyncio.create_task(_run_source_task(source_task)) for source_task in source_tasks]
    running_background = [asyncio.create_task(task.run()) for task in background_tasks]
    try:
        await _wait_for_stop(stop, [*running_sources, *running_background])
        for source_task in source_tasks:
            source_task.stop()
        await asyncio.wait(running_sources, timeout=FLUSH_SECONDS)
    finally:
        await cancel_and_wait(*running_sources, *running_background)
        server.close()
    await _report_stopped(redis, sinks)
    _log.info("stopped")


def _sources(settings: Settings) -> Iterator[tuple[Stream, Address]]:
    for stream, event_stream in EVENT_STREAMS.items():
        if settings.mode in {Mode.ALL, event_stream.mode}:
            yield from ((stream, address) for address in event_stream.addresses(settings))
    if settings.mode in {Mode.ALL, Mode.BACKFILL}:
        yield from ((Stream.BACKFILL, address) for address in settings.relay_hosts)


def _pipeline(settings: Settings, address: Address, *, tls: Tls, sink: RedisSink, report: HealthReport) -> Pipeline:
    # Imported here, so that an ingester with nothing but a listing does not load a WebSocket client.
    from sluice_ingester.sources.subscription import Subscription  # noqa: PLC0415

    event_stream = EVENT_STREAMS[sink.keys.stream]
    writer = BatchWriter(sink, report, high_water_mark=settings.high_water_mark)
    return Pipeline(
        subscription=Subscription(address, nsid=event_stream.nsid, user_agent=f"sluice/{VERSION}", tls=tls),
        decoder=event_stream.decoder(settings, address),
        writer=writer,
        report=report,
        cursor_tracker=CursorTracker(
            report=report,
            writer=writer,
            cursor_key=sink.keys.cursor,
            start_from=settings.start_from,
            on_lost=settings.on_cursor_lost,
            frames_metric=event_stream.frames_metric,
            drops_old_events=event_stream.drops_old_events,
        ),
        new_batcher=partial(Batcher, max_events=settings.batch_size, max_seconds=settings.batch_timeout_ms / 1000),
    )


def _backfill(settings: Settings, address: Address, *, tls: Tls, sink: RedisSink, report: HealthReport) -> SourceTask:
    # Imported here, so that an ingester without a listing does not load an HTTP client.
    from sluice_ingester.backfill.backfill import Backfill  # noqa: PLC0415
    from sluice_ingester.sources.list_repos import RepoListing  # noqa: PLC0415

    return Backfill(
        source=RepoListing(address, nsid=LIST_REPOS, user_agent=f"sluice/{VERSION}", tls=tls),
        origin=address.origin,
        sink=sink,
        writer=BatchWriter(sink, report, high_water_mark=settings.high_water_mark),
        report=report,
        skip_repos=settings.on_page_error is OnPageError.SKIP_REPO,
        rescan_seconds=settings.rescan_seconds,
    )


def _tls(settings: Settings) -> Tls:
    """TLS for all sources. Even a source without TLS may redirect to one with it."""
    try:
        return Tls.load(settings.ca_bundle)
    except ValueError as error:
        raise SettingsError(f"{CA_BUNDLE.variable}={str(settings.ca_bundle)!r} is not valid: {error}") from None


def _register_gauges(metrics: Metrics, source_tasks: list[SourceTask]) -> None:
    """Set the functions that compute gauges when they are read."""
    metrics.gauge("websocket_connections").set_function(lambda: sum(w.report.connected for w in source_tasks))
    metrics.gauge("backpressure_active").set_function(lambda: sum(w.report.in_backpressure for w in source_tasks))
    metrics.gauge("events_in_memory").set_function(lambda: sum(w.buffered[0] for w in source_tasks))
    listings = [source_task for source_task in source_tasks if not isinstance(source_task, Pipeline)]
    states = [source_task.report for source_task in listings]
    metrics.gauge("backfill_complete").set_function(
        lambda: bool(states) and all(report.condition.state is SourceState.DONE for report in states)
    )
    live = [source_task for source_task in source_tasks if source_task not in listings]
    for source in {source_task.report.source for source_task in live}:
        of_source = [
            source_task for source_task in live if source_task.report.source == source
        ]  # one host may be relay and labeler
        events, size = (partial(_buffered, of_source, index) for index in (0, 1))
        metrics.buffer_events.labels(source).set_function(events)
        metrics.buffer_bytes.labels(source).set_function(size)
        metrics.lag.labels(source).set_function(partial(_lag, of_source))
        metrics.initialize_source(source)


def _buffered(source_tasks: list[SourceTask], index: int) -> float:
    return sum(source_task.buffered[index] for source_task in source_tasks)


def _lag(source_tasks: list[SourceTask]) -> float:
    return max(source_task.report.lag for source_task in source_tasks)


async def _run_source_task(source_task: SourceTask) -> None:
    """Run `source_task` until it is stopped. An error in it does not affect the other sources of the process."""
    while True:
        try:
            await source_task.run()
        except Exception:  # noqa: BLE001 - one source must not end the others
            _log.exception("internal error of Sluice: please report it", extra={"source": source_task.report.source})
            source_task.report.metrics.count_error(source_task.report.source, "InternalError")
            await asyncio.sleep(PAUSE_SECONDS)
        else:
            return


async def _wait_for_stop(stop: asyncio.Event, tasks: list[asyncio.Task[None]]) -> None:
    """Wait for `stop`. If a task ends earlier, something else has cancelled it, and the process ends."""
    stopped = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait({stopped, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    for task in done - {stopped}:
        await task


async def _report_stopped(redis: RedisClient, sinks: list[tuple[HealthReport, RedisSink]]) -> None:
    """Write to Redis that the process has stopped, if Redis responds within a second."""
    with contextlib.suppress(Exception):
        async with asyncio.timeout(1.0):
            for report, sink in sinks:
                report.stopped()
                await sink.write_health(report.fields())
            await redis.aclose()
