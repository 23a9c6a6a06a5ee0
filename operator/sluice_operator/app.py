"""The operator process: builds its parts, runs them at the same time, and shuts down."""

import asyncio
import logging
import secrets
from collections.abc import Coroutine, Iterable
from typing import Any, Final

from sluice_operator import __version__
from sluice_operator.kinds.registry import KINDS, Kinds
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.kubernetes.client import KubernetesClient
from sluice_operator.kubernetes.connection import connect
from sluice_operator.kubernetes.errors import ApiError, requested_pause, retry_limit
from sluice_operator.kubernetes.event_recorder import EventRecorder
from sluice_operator.kubernetes.informers.informers import run_informers, stop_on_signals
from sluice_operator.kubernetes.informers.kopf_login import KopfLogin
from sluice_operator.kubernetes.informers.kopf_shutdown import ignore_unclosed_generators
from sluice_operator.kubernetes.leader_election import LeaderElector
from sluice_operator.kubernetes.library import Configuration
from sluice_operator.kubernetes.namespace_ownership import NamespaceOwnership
from sluice_operator.kubernetes.object_poller import ObjectPoller
from sluice_operator.kubernetes.resync import Resync
from sluice_operator.kubernetes.served_kinds import ServedKinds
from sluice_operator.kubernetes.served_namespaces import ServedNamespaces
from sluice_operator.kubernetes.source_key import SourceKey, object_key
from sluice_operator.kubernetes.watch_freshness import WatchFreshness
from sluice_operator.kubernetes.workqueue import WorkQueue
from sluice_operator.reconcile.build import ReconcileOptions, build_reconciler
from sluice_operator.reconcile.change_poller import ChangePoller
from sluice_operator.reconcile.reconciler import Reconciler
from sluice_operator.redis.source_redis import RedisServers
from sluice_operator.redis.stream_reader import RedisReader
from sluice_operator.settings import Settings
from sluice_operator.status.event_reasons import EVENT_REASONS
from sluice_operator.telemetry.metrics import Metrics
from sluice_operator.telemetry.probes import serve_http
from sluice_operator.telemetry.watchdog import liveness_problem, watch_event_loop

logger = logging.getLogger(__name__)

_IDLE_CHECK_SECONDS: Final = 60.0
_DRAIN_SECONDS: Final = 5.0
_NOT_HELD_RETRY_SECONDS: Final = 30.0
_NOT_SERVED_RETRY_SECONDS: Final = 30.0
_MAX_LISTED: Final = 3


async def run_operator(settings: Settings, *, kinds: Kinds = KINDS) -> None:
    """Run the operator for `kinds` until SIGTERM or SIGINT. Raises errors after which it can't continue."""
    ignore_unclosed_generators(asyncio.get_running_loop())
    async with connect() as (client, configuration):
        logger.info("sluice-operator %s, API server %s", __version__, configuration.host)
        await _Operator(settings, kinds, client, configuration).run()


class _Operator:
    def __init__(
        self, settings: Settings, kinds: Kinds, client: KubernetesClient, configuration: Configuration
    ) -> None:
        self._settings = settings
        self._kinds = kinds
        self._client = client
        self._configuration = configuration
        self._cache = Cache(kinds.watched)
        self._namespaces = ServedNamespaces(ServedKinds(kinds.watched.sources.values()), settings.watch_namespaces)
        self._queue: WorkQueue[SourceKey] = WorkQueue()
        self._reader = RedisReader(details_interval_seconds=settings.status_interval_seconds / 3)
        self._elector = self._make_elector()
        self._ownership = self._make_ownership()
        client.set_write_guard(self._ownership.check_held)
        self._objects = ObjectPoller(
            client,
            interval_seconds=settings.observe_interval_seconds,
            is_served=lambda namespace: self._namespaces.serves(namespace) and self._ownership.holds(namespace),
        )
        self._redis = RedisServers(self._reader, idle_seconds=settings.status_interval_seconds)
        self._metrics = Metrics(
            kinds=kinds,
            cache=self._cache,
            namespaces=self._namespaces,
            queue=self._queue,
            is_leader=lambda: self._elector is None or self._elector.is_leader,
            held_namespaces=lambda: self._ownership.held_by_namespace,
        )
        self._changes = ChangePoller(
            redis=self._redis,
            objects=self._objects,
            add=self._queue.add,
            add_after=self._queue.add_after,
            pause=self._queue.pause,
            is_paused=lambda: self._queue.is_paused,
            on_round=self._metrics.count_poll_round,
            interval_seconds=settings.observe_interval_seconds,
        )
        self._freshness = WatchFreshness()
        self._resync = Resync(
            client=client,
            kinds=kinds.watched,
            cache=self._cache,
            freshness=self._freshness,
            add=self._queue.add,
            namespaces=self._namespaces,
            interval_seconds=settings.resync_interval_seconds,
        )
        self._instrumented_reconcile = self._metrics.instrumented(self._make_reconciler().reconcile)

    def _make_elector(self) -> LeaderElector | None:
        if (config := self._settings.lease_config) is None:
            return None
        # A process that is restarted in the same pod does not hold the Lease of the process before it.
        identity = f"{self._settings.pod_name}_{secrets.token_hex(4)}"
        return LeaderElector(client=self._client, config=config, identity=identity)

    def _make_ownership(self) -> NamespaceOwnership:
        return NamespaceOwnership(
            client=self._client,
            release=self._settings.release,
            instance=secrets.token_hex(4),
            has_resources=lambda namespace: bool(self._cache.sources_in(namespace)),
            is_served=self._namespaces.serves,
            on_acquired=self._enqueue_namespace,
        )

    def _make_reconciler(self) -> Reconciler:
        settings = self._settings
        return build_reconciler(
            ReconcileOptions(
                ingester_defaults=settings.ingesters,
                status_interval_seconds=settings.status_interval_seconds,
                observe_interval_seconds=settings.observe_interval_seconds,
                deletion_deadline_seconds=settings.deletion_deadline_seconds,
            ),
            client=self._client,
            cache=self._cache,
            kinds=self._kinds,
            namespaces=self._namespaces,
            redis=self._redis,
            objects=self._objects,
            add=self._queue.add,
            recorder=EventRecorder(self._client, reasons=EVENT_REASONS, instance=settings.pod_name),
            is_of_another_release=self._ownership.is_unavailable,
        )

    async def run(self) -> None:
        """Run until a signal. Raises errors after which it can't continue."""
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
                await self._redis.close()
        logger.info("Stopped")

    def _readiness_problem(self) -> str:
        """What this replica waits for before it is ready, or an empty string."""
        if self._elector is not None and self._elector.is_standby:
            return ""
        if not self._resync.synced:
            return self._resync.failure or "the API server"
        problems = self._ownership.problems
        return "" if len(problems) < len(self._ownership.held_by_namespace) else _summarize(problems.values())

    def _degraded(self) -> str:
        """What can't be served, or an empty string."""
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
                "changes": self._changes.run(),
                "idle connections": self._close_idle(),
                "leases of namespaces": self._ownership.run(),
                "informers": run_informers(
                    kinds=self._kinds.watched,
                    cache=self._cache,
                    freshness=self._freshness,
                    add=self._queue.add,
                    login=KopfLogin(
                        self._configuration,
                        plurals=[api.plural for api in self._kinds.watched.all],
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
        """Reconcile a source if this process may. Returns the seconds until the next time, or None."""
        if not self._namespaces.serves_kind(self._kinds.watched.sources[key.kind], key.namespace):
            return _NOT_SERVED_RETRY_SECONDS  # the resync that finds it served adds it
        if not self._ownership.holds(key.namespace) and self._cache.source(key) is not None:
            self._ownership.ensure_held(key.namespace)
            return _NOT_HELD_RETRY_SECONDS  # it is added as soon as the Lease is held
        return await self._instrumented_reconcile(key)

    def _enqueue_namespace(self, namespace: str) -> None:
        for source in self._cache.sources_in(namespace):
            self._queue.add(object_key(source))

    async def _close_idle(self) -> None:
        while True:
            await asyncio.sleep(_IDLE_CHECK_SECONDS)
            await self._reader.close_idle()


def _summarize(problems: Iterable[str]) -> str:
    """The first problems, and how many more there are."""
    listed = list(problems)
    more = f"; and {len(listed) - _MAX_LISTED} more" if len(listed) > _MAX_LISTED else ""
    return "; ".join(listed[:_MAX_LISTED]) + more


async def _run_until_first_ends(coroutines: dict[str, Coroutine[Any, Any, Any]]) -> None:
    """Run all until the first ends, then cancel the others. Raises what any of them raised."""
    tasks = [asyncio.create_task(coroutine, name=name) for name, coroutine in coroutines.items()]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result
