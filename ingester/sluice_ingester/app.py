"""The process: everything put together, started, and ended in good order."""

import asyncio
import contextlib
import logging
import signal
import ssl
from collections.abc import Coroutine
from functools import partial
from importlib.metadata import version
from typing import Any, Final

from redis.asyncio import Redis

from sluice_ingester.beat import beat, measure
from sluice_ingester.contract import Stream, StreamKeys
from sluice_ingester.halt import Halts
from sluice_ingester.http import listen
from sluice_ingester.intake import Intake
from sluice_ingester.metrics import Metrics
from sluice_ingester.pipeline import Pipeline
from sluice_ingester.report import Report
from sluice_ingester.settings import Settings, SettingsError
from sluice_ingester.sink.append import Sink
from sluice_ingester.sink.connection import connect
from sluice_ingester.sink.errors import SinkError
from sluice_ingester.sink.url import masked
from sluice_ingester.sources.address import Address
from sluice_ingester.sources.subscription import Subscription
from sluice_ingester.sources.tls import client_context
from sluice_ingester.tasks import end
from sluice_ingester.wire.firehose import NSID, FirehoseDecoder
from sluice_ingester.writer import Writer

VERSION: Final = version("sluice-operator")
FLUSH_SECONDS: Final = 5.0
"""How long a stopping process offers to Redis what it has read. Kubernetes waits 15 s, people 10."""

_log = logging.getLogger("sluice_ingester")


async def run(settings: Settings) -> None:
    """Ingest until SIGTERM or SIGINT. SettingsError if the settings don't hold on this machine."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    tls = _tls(settings)
    metrics = Metrics()
    redis = connect(settings.redis_url, ca_bundle=settings.ca_bundle)
    pipelines: list[Pipeline] = []
    beside: list[Coroutine[Any, Any, None]] = [measure(redis, metrics, prefix=settings.key_prefix)]
    sinks: list[tuple[Report, Sink]] = []
    for address in settings.relay_hosts:
        keys = StreamKeys(stream=Stream.FIREHOSE, host=address.host, prefix=settings.key_prefix)
        sink = Sink(redis, keys, high_water_mark=settings.high_water_mark)
        report = Report(address.host, metrics=metrics, pod=settings.pod_name, version=VERSION)
        pipelines.append(_firehose(settings, address, tls=tls, sink=sink, report=report))
        beside.append(beat(report, sink))
        sinks.append((report, sink))
    _observe(metrics, pipelines)

    try:
        server = await listen(settings.metrics_port, pipelines=pipelines, registry=metrics.registry)
    except OSError as error:
        raise SettingsError(f"METRICS_PORT={settings.metrics_port} can't be used: {error.strerror or error}") from None
    port = server.sockets[0].getsockname()[1]
    _log.info(
        "sluice-ingester %s: %s into %s; http port %d",
        VERSION,
        ", ".join(address.host for address in settings.relay_hosts),
        masked(settings.redis_url),
        port,
    )
    working = [asyncio.create_task(pipeline.run()) for pipeline in pipelines]
    helping = [asyncio.create_task(work) for work in beside]
    try:
        await _until(stop, [*working, *helping])
        for pipeline in pipelines:
            pipeline.stop()
        await asyncio.wait(working, timeout=FLUSH_SECONDS)
    finally:
        await end(*working, *helping)
        server.close()
    await _farewell(redis, sinks)
    _log.info("stopped")


def _firehose(
    settings: Settings, address: Address, *, tls: ssl.SSLContext | None, sink: Sink, report: Report
) -> Pipeline:
    return Pipeline(
        subscription=Subscription(address, nsid=NSID, user_agent=f"sluice/{VERSION}", tls=tls),
        decoder=FirehoseDecoder(collections=settings.collections),
        writer=Writer(sink, report, high_water_mark=settings.high_water_mark),
        report=report,
        halts=Halts(source=address.host, cursor_key=sink.keys.cursor, start_from=settings.start_from),
        new_intake=partial(Intake, events=settings.batch_size, seconds=settings.batch_timeout_ms / 1000),
    )


def _tls(settings: Settings) -> ssl.SSLContext | None:
    if all(address.plain for address in settings.relay_hosts):
        return None
    try:
        return client_context(settings.ca_bundle)
    except ValueError as error:
        raise SettingsError(f"INGESTER_CA_BUNDLE={str(settings.ca_bundle)!r} is not valid: {error}") from None


def _observe(metrics: Metrics, pipelines: list[Pipeline]) -> None:
    """Gauges that are computed when they are read."""
    metrics.gauge("websocket_connections").set_function(lambda: sum(p.report.connected for p in pipelines))
    metrics.gauge("backpressure_active").set_function(lambda: sum(p.report.in_backpressure for p in pipelines))
    metrics.gauge("events_in_memory").set_function(lambda: sum(p.held[0] for p in pipelines))
    for pipeline in pipelines:
        events, size = (partial(_held, pipeline, index) for index in (0, 1))
        metrics.buffer_events.labels(pipeline.report.source).set_function(events)
        metrics.buffer_bytes.labels(pipeline.report.source).set_function(size)


def _held(pipeline: Pipeline, index: int) -> float:
    return pipeline.held[index]


async def _until(stop: asyncio.Event, tasks: list[asyncio.Task[None]]) -> None:
    """Wait for `stop`; a task that ends before it has failed, and ends the process."""
    stopped = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait({stopped, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    for task in done - {stopped}:
        await task


async def _farewell(redis: Redis, sinks: list[tuple[Report, Sink]]) -> None:
    """Say in Redis that we stopped, if that takes no time."""
    with contextlib.suppress(TimeoutError, SinkError):
        async with asyncio.timeout(1.0):
            for report, sink in sinks:
                report.stopped()
                await sink.report(report.fields())
            await redis.aclose()
