"""The operator, put together: what runs beside what, and what ends when one of them ends."""

import asyncio
import logging
import secrets
from collections.abc import Coroutine, Iterable
from typing import Any, Final

from kubernetes.aio.client import Configuration

from sluice_operator import __version__
from sluice_operator.kinds.registry import SOURCES, SourceKey, key_of
from sluice_operator.kubernetes.cache import Store
from sluice_operator.kubernetes.client import Kube, KubeError, connect, retry_after, within
from sluice_operator.kubernetes.event_recorder import Events
from sluice_operator.kubernetes.informers.informers import WATCHED, run_watches, stop_on_signals
from sluice_operator.kubernetes.informers.kopf_login import Login
from sluice_operator.kubernetes.informers.kopf_shutdown import tell_of_no_generators
from sluice_operator.kubernetes.leader_election import Candidate
from sluice_operator.kubernetes.namespace_ownership import Tenancy
from sluice_operator.kubernetes.resync import Resync
from sluice_operator.kubernetes.served_namespaces import Namespaces
from sluice_operator.kubernetes.watch_freshness import Sight
from sluice_operator.kubernetes.workqueue import WorkQueue
from sluice_operator.reconcile.cursor_ownership import Claims
from sluice_operator.reconcile.deletion import Deletion
from sluice_operator.reconcile.finalizer import Finalizer
from sluice_operator.reconcile.reconciler import Reconciler
from sluice_operator.reconcile.status_writer import Publisher
from sluice_operator.reconcile.workload import Workload
from sluice_operator.redis.stream_reader import RedisReader
from sluice_operator.redis.tls_files import ClientFiles
from sluice_operator.settings import Settings
from sluice_operator.telemetry.metrics import Metrics
from sluice_operator.telemetry.probes import serve
from sluice_operator.telemetry.watchdog import guard_loop, trouble

logger = logging.getLogger(__name__)

_IDLE_CHECK_SECONDS: Final = 60.0
_SETTLE_SECONDS: Final = 5.0
_UNHELD_SECONDS: Final = 30.0
_MOST_TOLD: Final = 3


async def run_operator(settings: Settings) -> None:
    """Run the operator until SIGTERM or SIGINT. Raises what it can't go on with."""
    tell_of_no_generators(asyncio.get_running_loop())
    async with connect() as (kube, configuration):
        logger.info("sluice-operator %s, API server %s", __version__, configuration.host)
        await _Operator(settings, kube, configuration).run()


class _Operator:
    def __init__(self, settings: Settings, kube: Kube, configuration: Configuration) -> None:
        self._settings = settings
        self._kube = kube
        self._configuration = configuration
        self._store = Store()
        self._namespaces = Namespaces(settings.watch_namespaces)
        self._queue: WorkQueue[SourceKey] = WorkQueue()
        self._reader = RedisReader(streams_seconds=settings.status_interval_seconds / 3)
        self._candidate = self._make_candidate()
        self._tenancy = self._make_tenancy()
        kube.check_writes(self._tenancy.check)
        self._metrics = Metrics(
            store=self._store,
            namespaces=self._namespaces,
            queue=self._queue,
            leads=lambda: self._candidate is None or self._candidate.is_leader,
            held=lambda: self._tenancy.states,
        )
        self._sight = Sight()
        self._resync = Resync(
            kube=kube,
            store=self._store,
            sight=self._sight,
            add=self._queue.add,
            namespaces=self._namespaces,
            interval_seconds=settings.resync_interval_seconds,
        )
        self._reconciler = self._make_reconciler()
        self._counted_look = self._metrics.watched(self._reconciler.look)

    def _make_candidate(self) -> Candidate | None:
        if (terms := self._settings.lease) is None:
            return None
        # A process that is started anew in the same pod does not hold what the last one held.
        identity = f"{self._settings.pod_name}_{secrets.token_hex(4)}"
        return Candidate(kube=self._kube, terms=terms, identity=identity)

    def _make_tenancy(self) -> Tenancy:
        return Tenancy(
            kube=self._kube,
            release=self._settings.release,
            instance=secrets.token_hex(4),
            has_resources=lambda namespace: bool(self._store.sources_in(namespace)),
            is_served=self._namespaces.serves,
            held=self._add_all_in,
        )

    def _add_all_in(self, namespace: str) -> None:
        for source in self._store.sources_in(namespace):
            self._queue.add(key_of(source))

    def _make_reconciler(self) -> Reconciler:
        kube, store, settings = self._kube, self._store, self._settings
        default_url = settings.ingesters.default_redis_url
        claims = Claims(
            kube=kube,
            store=store,
            namespaces=self._namespaces,
            default_url=default_url,
            is_of_another=self._tenancy.is_of_another,
        )
        finalizer, files = Finalizer(kube=kube, store=store), ClientFiles(kube)
        publisher = Publisher(
            kube=kube,
            store=store,
            events=Events(kube, instance=settings.pod_name),
            interval_seconds=settings.status_interval_seconds,
        )
        return Reconciler(
            store=store,
            workload=Workload(
                kube=kube,
                store=store,
                reader=self._reader,
                claims=claims,
                files=files,
                ingesters=settings.ingesters,
            ),
            publisher=publisher,
            finalizer=finalizer,
            deletion=Deletion(
                kube=kube,
                store=store,
                reader=self._reader,
                claims=claims,
                files=files,
                finalizer=finalizer,
                publisher=publisher,
                default_url=default_url,
                deadline_seconds=settings.deletion_deadline_seconds,
            ),
            observe_seconds=settings.observe_interval_seconds,
        )

    async def run(self) -> None:
        """Run until a signal. Raises what can't be gone on with."""
        stop = asyncio.Event()
        stop_on_signals(stop)
        server = serve(
            self._settings.port,
            trouble=lambda: trouble(self._queue, self._resync),
            lacks=self._lacks,
            leaves_out=self._leaves_out,
            registry=self._metrics.registry,
        )
        async with server:
            try:
                await _until_one_ends({"stop": stop.wait(), "event loop": guard_loop(), "work": self._lead(stop)})
            finally:
                await self._reader.close()
        logger.info("Stopped")

    def _lacks(self) -> str:
        """What is waited for before this replica is ready, or nothing."""
        if self._candidate is not None and self._candidate.is_standby:
            return ""
        if not self._resync.synced:
            return self._resync.failure or "the API server"
        troubles = self._tenancy.troubles
        return "" if len(troubles) < len(self._tenancy.states) else _joined(troubles.values())

    def _leaves_out(self) -> str:
        """What can't be served, or nothing."""
        return _joined([*self._namespaces.kinds.troubles.values(), *self._tenancy.troubles.values()])

    async def _lead(self, stop: asyncio.Event) -> None:
        if self._candidate is None:
            await self._work_to_the_end(stop)
        else:
            await self._candidate.lead(lambda: self._work_to_the_end(stop))

    async def _work_to_the_end(self, stop: asyncio.Event) -> None:
        try:
            await self._work(stop)
        finally:
            await self._kube.settle(_SETTLE_SECONDS)
            await self._tenancy.release()

    async def _work(self, stop: asyncio.Event) -> None:
        await self._resync.first()
        await _until_one_ends(
            {
                "queue": self._queue.run(
                    self._look,
                    workers=self._settings.workers,
                    expected=(KubeError,),
                    asked=retry_after,
                    within=within,
                ),
                "resync": self._resync.run(),
                "idle connections": self._close_idle(),
                "leases of namespaces": self._tenancy.run(),
                "watches": run_watches(
                    store=self._store,
                    sight=self._sight,
                    add=self._queue.add,
                    login=Login(
                        self._configuration,
                        plurals=[api.plural for api in WATCHED],
                        relisted=self._resync.soon,
                        forbidden=self._resync.doubt,
                    ),
                    namespaces=self._namespaces,
                    writes=self._kube.writes,
                    stop=stop,
                ),
            }
        )

    async def _look(self, key: SourceKey) -> float | None:
        if not self._namespaces.serves_of(SOURCES[key.kind], key.namespace):
            return None  # until the resync in which it is served again
        if not self._tenancy.holds(key.namespace) and self._store.source(key) is not None:
            self._tenancy.want(key.namespace)
            return _UNHELD_SECONDS  # it is added as soon as it may be served
        return await self._counted_look(key)

    async def _close_idle(self) -> None:
        while True:
            await asyncio.sleep(_IDLE_CHECK_SECONDS)
            await self._reader.close_idle()


def _joined(troubles: Iterable[str]) -> str:
    """Some of them, and how many more there are."""
    told = list(troubles)
    more = f"; and {len(told) - _MOST_TOLD} more" if len(told) > _MOST_TOLD else ""
    return "; ".join(told[:_MOST_TOLD]) + more


async def _until_one_ends(works: dict[str, Coroutine[Any, Any, Any]]) -> None:
    """Do all `works` until the first ends, then end the others. Raises what any of them raised."""
    tasks = [asyncio.create_task(work, name=name) for name, work in works.items()]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result
