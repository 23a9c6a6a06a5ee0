"""Builds the parts of a source: a pipeline or a backfill, its report and its keys."""

from dataclasses import dataclass
from functools import partial

from sluice_common.ticker import Ticker
from sluice_ingester.batches.batcher import Batcher
from sluice_ingester.byte_budget import ByteBudget
from sluice_ingester.cursor.tracker import CursorTracker
from sluice_ingester.event_streams import EVENT_STREAMS
from sluice_ingester.invalid_source import InvalidSource
from sluice_ingester.pipeline.pipeline import Pipeline
from sluice_ingester.source_spec import SourceSpec
from sluice_ingester.source_task import SourceTask
from sluice_ingester.sources.tls import Tls
from sluice_ingester.telemetry.health_report import HealthReport
from sluice_ingester.telemetry.metrics import Metrics
from sluice_ingester.writer.batch_writer import BatchWriter
from sluice_ingester.writer.cursor_watch import CursorWatch
from sluice_redis.ingester_settings import OnPageError
from sluice_redis.sink.call import RedisCalls
from sluice_redis.sink.eviction_policy import EvictionPolicy
from sluice_redis.sink.redis_sink import RedisSink
from sluice_wire.repo_page import NSID as LIST_REPOS


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFactory:
    """What all sources of a process share. `version` is that of the ingester."""

    version: str
    calls: RedisCalls
    eviction_policy: EvictionPolicy
    cursor_watch: CursorWatch
    silence_ticker: Ticker
    budget: ByteBudget
    tls: Tls
    metrics: Metrics

    def make(self, spec: SourceSpec) -> SourceTask:
        """The source task of `spec`, which does not run yet."""
        event_stream = EVENT_STREAMS.get(spec.stream)
        report = HealthReport(
            spec.address.host,
            metrics=self.metrics,
            pod=spec.settings.pod_name,
            version=self.version,
            often_quiet=event_stream is not None and event_stream.often_quiet,
        )
        if spec.problem:
            return InvalidSource(report, spec.problem)
        is_deduplicated = event_stream is not None and event_stream.is_deduplicated
        sink = RedisSink(
            self.calls,
            spec.keys,
            high_water_mark=spec.settings.high_water_mark,
            deduplicate_seconds=spec.settings.deduplicate_seconds if is_deduplicated else None,
            eviction_policy=self.eviction_policy,
        )
        make = self._pipeline if event_stream else self._backfill
        return make(spec, sink, report)

    def _pipeline(self, spec: SourceSpec, sink: RedisSink, report: HealthReport) -> SourceTask:
        # Imported here, so that an ingester with nothing but a listing does not load a WebSocket client.
        from sluice_ingester.sources.subscription import Subscription  # noqa: PLC0415

        settings, event_stream = spec.settings, EVENT_STREAMS[spec.stream]
        writer = BatchWriter(sink, report, high_water_mark=settings.high_water_mark)
        return Pipeline(
            subscription=Subscription(
                spec.address,
                nsid=event_stream.nsid,
                user_agent=f"sluice/{self.version}",
                tls=self.tls,
                budget=self.budget,
                read_bytes=event_stream.read_bytes,
            ),
            decoder=event_stream.decoder(settings, spec.address),
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
            new_batcher=partial(
                Batcher,
                max_events=settings.batch_size,
                max_seconds=settings.batch_timeout_ms / 1000,
                budget=self.budget,
            ),
            cursor_watch=self.cursor_watch,
            ticker=self.silence_ticker,
        )

    def _backfill(self, spec: SourceSpec, sink: RedisSink, report: HealthReport) -> SourceTask:
        # Imported here, so that an ingester without a listing does not load an HTTP client.
        from sluice_ingester.backfill.backfill import Backfill  # noqa: PLC0415
        from sluice_ingester.sources.list_repos import RepoListing  # noqa: PLC0415

        settings = spec.settings
        return Backfill(
            source=RepoListing(spec.address, nsid=LIST_REPOS, user_agent=f"sluice/{self.version}", tls=self.tls),
            origin=spec.address.origin,
            sink=sink,
            writer=BatchWriter(sink, report, high_water_mark=settings.high_water_mark),
            report=report,
            skip_repos=settings.on_page_error is OnPageError.SKIP_REPO,
            rescan_seconds=settings.rescan_seconds,
            cursor_watch=self.cursor_watch,
        )
