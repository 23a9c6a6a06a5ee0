"""The operator, put together: what runs beside what, and what ends when one of them ends."""

import asyncio
import logging
import secrets
from collections.abc import Coroutine, Iterable
from typing import Any, Final

from kubernetes.aio.client import Configuration

from sluice_operator import __version__
from sluice_operator.kinds.registry import SOURCES
from sluice_operator.kinds.source_key import SourceKey, object_key
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.kubernetes.client import ApiError, KubernetesClient, connect, requested_pause, retry_limit
from sluice_operator.kubernetes.event_recorder import EventRecorder
from sluice_operator.kubernetes.informers.informers import WATCHED_RESOURCES, run_informers, stop_on_signals
from sluice_operator.kubernetes.informers.kopf_login import KopfLogin
from sluice_operator.kubernetes.informers.kopf_shutdown import ignore_unclosed_generators
from sluice_operator.kubernetes.leader_election import LeaderElector
from sluice_operator.kubernetes.namespace_ownership import NamespaceOwnership
from sluice_operator.kubernetes.resync import Resync
from sluice_operator.kubernetes.served_namespaces import ServedNamespaces
from sluice_operator.kubernetes.watch_freshness import WatchFreshness
from sluice_operator.kubernetes.workqueue import WorkQueue
from sluice_operator.reconcile.cursor_ownership import CursorOwnership
from sluice_operator.reconcile.deletion import DeletionReconciler
from sluice_operator.reconcile.finalizer import Finalizer
from sluice_operator.reconcile.reconciler import Reconciler
from sluice_operator.reconcile.status_writer import StatusWriter
from sluice_operator.reconcile.workload import Workload
from sluice_operator.redis.stream_reader import RedisReader
from sluice_operator.redis.tls_files import RedisTlsFiles
from sluice_operator.settings import Settings
from sluice_operator.telemetry.metrics import Metrics
from sluice_operator.telemetry.probes import serve_http
from sluice_operator.telemetry.watchdog import liveness_problem, watch_event_loop

logger = logging.getLogger(__name__)

_IDLE_CHECK_SECONDS: Final = 60.0
_DRAIN_SECONDS: Final = 5.0
_NOT_HELD_RETRY_SECONDS: Final = 30.0
_MAX_LISTED: Final = 3


async def run_operator(settings: Settings) -> None:
    """Run the operator until SIGTERM or SIGINT. Raises what it can't go on with."""
    ignore_unclosed_generators(asyncio.get_running_loop())
    async with connect() as (kube, configuration):
        logger.info("sluice-operator %s, API server %s", __version__, configuration.host)
        await _Operator(settings, kube, configuration).run()


class _Operator:
    def __init__(self, settings: Settings, client: KubernetesClient, configuration: Configuration) -> None:
        self._settings = settings
        self._client = client
        self._configuration = configuration
        self._cache = Cache()
        self._namespaces = ServedNamespaces(settings.watch_namespaces)
        self._queue: WorkQueue[SourceKey] = WorkQueue()
        self._reader = RedisReader(statistics_interval_seconds=settings.status_interval_seconds / 3)
        self._elector = self._make_elector()
        self._ownership = self._make_ownership()
        client.set_write_guard(self._ownership.check_held)
        self._metrics = Metrics(
            cache=self._cache,
            namespaces=self._namespaces,
            queue=self._queue,
            is_leader=lambda: self._elector is None or self._elector.is_leader,
            held_namespaces=lambda: self._ownership.held_by_namespace,
        )
        self._freshness = WatchFreshness()
        self._resync = Resync(
            client=client,
            cache=self._cache,
            freshness=self._freshness,
            add=self._queue.add,
            namespaces=self._namespaces,
            interval_seconds=settings.resync_interval_seconds,
        )
        self._reconciler = self._make_reconciler()
        self._instrumented_reconcile = self._metrics.instrumented(self._reconciler.reconcile)

    def _make_elector(self) -> LeaderElector | None:
        if (terms := self._settings.lease_config) is None:
            return None
        # A process that is started anew in the same pod does not hold what the last one held.
        identity = f"{self._settings.pod_name}_{secrets.token_hex(4)}"
        return LeaderElector(client=self._client, config=terms, identity=identity)

    def _make_ownership(self) -> NamespaceOwnership:
        return NamespaceOwnership(
            client=self._client,
            release=self._settings.release,
            instance=secrets.token_hex(4),
            has_resources=lambda namespace: bool(self._cache.sources_in(namespace)),
            is_served=self._namespaces.serves,
            on_acquired=self._enqueue_namespace,
        )

    def _enqueue_namespace(self, namespace: str) -> None:
        for source in self._cache.sources_in(namespace):
            self._queue.add(object_key(source))

    def _make_reconciler(self) -> Reconciler:
        kube, store, settings = self._client, self._cache, self._settings
        default_url = settings.ingesters.default_redis_url
        claims = CursorOwnership(
            client=kube,
            cache=store,
            namespaces=self._namespaces,
            default_redis_url=default_url,
            is_of_another_release=self._ownership.is_unavailable,
        )
        finalizer, files = Finalizer(client=kube, cache=store), RedisTlsFiles(kube)
        publisher = StatusWriter(
            client=kube,
            cache=store,
            recorder=EventRecorder(kube, instance=settings.pod_name),
            interval_seconds=settings.status_interval_seconds,
        )
        return Reconciler(
            cache=store,
            workload=Workload(
                client=kube,
                cache=store,
                reader=self._reader,
                ownership=claims,
                tls_files=files,
                ingesters=settings.ingesters,
            ),
            status_writer=publisher,
            finalizer=finalizer,
            deletion=DeletionReconciler(
                client=kube,
                cache=store,
                reader=self._reader,
                ownership=claims,
                tls_files=files,
                finalizer=finalizer,
                status_writer=publisher,
                default_redis_url=default_url,
                deadline_seconds=settings.deletion_deadline_seconds,
            ),
            observe_seconds=settings.observe_interval_seconds,
        )

    async def run(self) -> None:
        """Run until a signal. Raises what can't be gone on with."""
        stop = asyncio.Event()
        stop_on_signals(stop)
        server = serve_http(
            self._settings.port,
            liveness_problem=lambda: liveness_problem(self._queue, self._resync),
            readiness_problem=self._readiness_problem,
            degraded=self._degraded,
            registry=self._metrics.registry,
        )
        async with server:
            try:
                await _run_until_first_ends(
                    {"stop": stop.wait(), "event loop": watch_event_loop(), "work": self._run_as_leader(stop)}
                )
            finally:
                await self._reader.close()
        logger.info("Stopped")

    def _readiness_problem(self) -> str:
        """What is waited for before this replica is ready, or nothing."""
        if self._elector is not None and self._elector.is_standby:
            return ""
        if not self._resync.synced:
            return self._resync.failure or "the API server"
        troubles = self._ownership.problems
        return "" if len(troubles) < len(self._ownership.held_by_namespace) else _summarize(troubles.values())

    def _degraded(self) -> str:
        """What can't be served, or nothing."""
        return _summarize([*self._namespaces.kinds.problems.values(), *self._ownership.problems.values()])

    async def _run_as_leader(self, stop: asyncio.Event) -> None:
        if self._elector is None:
            await self._work_and_drain(stop)
        else:
            await self._elector.run(lambda: self._work_and_drain(stop))

    async def _work_and_drain(self, stop: asyncio.Event) -> None:
        try:
            await self._work(stop)
        finally:
            await self._client.drain(_DRAIN_SECONDS)
            await self._ownership.release_all()

    async def _work(self, stop: asyncio.Event) -> None:
        await self._resync.list_first()
        await _run_until_first_ends(
            {
                "queue": self._queue.run(
                    self._reconcile,
                    workers=self._settings.workers,
                    expected=(ApiError,),
                    requested_pause=requested_pause,
                    retry_limit=retry_limit,
                ),
                "resync": self._resync.run(),
                "idle connections": self._close_idle(),
                "leases of namespaces": self._ownership.run(),
                "watches": run_informers(
                    cache=self._cache,
                    freshness=self._freshness,
                    add=self._queue.add,
                    login=KopfLogin(
                        self._configuration,
                        plurals=[api.plural for api in WATCHED_RESOURCES],
                        on_relist=self._resync.request,
                        on_forbidden=self._resync.watch_forbidden,
                    ),
                    namespaces=self._namespaces,
                    in_flight_writes=self._client.in_flight_writes,
                    stop=stop,
                ),
            }
        )

    async def _reconcile(self, key: SourceKey) -> float | None:
        if not self._namespaces.serves_kind(SOURCES[key.kind], key.namespace):
            return None  # until the resync in which it is served again
        if not self._ownership.holds(key.namespace) and self._cache.source(key) is not None:
            self._ownership.ensure_held(key.namespace)
            return _NOT_HELD_RETRY_SECONDS  # it is added as soon as it may be served
        return await self._instrumented_reconcile(key)

    async def _close_idle(self) -> None:
        while True:
            await asyncio.sleep(_IDLE_CHECK_SECONDS)
            await self._reader.close_idle()


def _summarize(problems: Iterable[str]) -> str:
    """Some of them, and how many more there are."""
    told = list(problems)
    more = f"; and {len(told) - _MAX_LISTED} more" if len(told) > _MAX_LISTED else ""
    return "; ".join(told[:_MAX_LISTED]) + more


async def _run_until_first_ends(coroutines: dict[str, Coroutine[Any, Any, Any]]) -> None:
    """Do all `works` until the first ends, then end the others. Raises what any of them raised."""
    tasks = [asyncio.create_task(work, name=name) for name, work in coroutines.items()]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result
