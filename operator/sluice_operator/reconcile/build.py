"""Builds the reconciler from its parts."""

from collections.abc import Callable
from dataclasses import dataclass

from sluice_common.clock import Clock, SystemClock
from sluice_operator.desired.ingester_defaults import IngesterDefaults
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.kubernetes.client import KubernetesClient
from sluice_operator.kubernetes.event_recorder import EventRecorder
from sluice_operator.kubernetes.object_poller import ObjectPoller
from sluice_operator.kubernetes.served_namespaces import ServedNamespaces
from sluice_operator.kubernetes.source_key import SourceKey
from sluice_operator.reconcile.child_writer import ChildWriter
from sluice_operator.reconcile.children import Children
from sluice_operator.reconcile.cursor_ownership import CursorOwnership
from sluice_operator.reconcile.default_redis_secret import DefaultRedisSecrets
from sluice_operator.reconcile.deletion import DeletionReconciler
from sluice_operator.reconcile.finalizer import Finalizer
from sluice_operator.reconcile.ingester_shutdown import IngesterShutdown
from sluice_operator.reconcile.kinds import Kinds
from sluice_operator.reconcile.observer import Observer
from sluice_operator.reconcile.pool_leaving import PoolLeaving
from sluice_operator.reconcile.pool_members import PoolMembers
from sluice_operator.reconcile.pools import Pools
from sluice_operator.reconcile.reconciler import Reconciler
from sluice_operator.reconcile.redis_access import RedisAccessReader
from sluice_operator.reconcile.source_lists import SourceLists
from sluice_operator.reconcile.source_memory import SourceMemories
from sluice_operator.reconcile.source_reader import SourceReader
from sluice_operator.reconcile.status_writer import StatusWriter
from sluice_operator.redis.source_redis import SourceRedis
from sluice_operator.redis.tls_files import RedisTlsFiles


@dataclass(frozen=True, kw_only=True, slots=True)
class ReconcileOptions:
    """The settings of the operator that reconciles depend on."""

    ingester_defaults: IngesterDefaults
    status_interval_seconds: float
    observe_interval_seconds: float
    deletion_deadline_seconds: float


def build_reconciler(
    options: ReconcileOptions,
    *,
    client: KubernetesClient,
    cache: Cache,
    kinds: Kinds,
    namespaces: ServedNamespaces,
    redis: SourceRedis,
    recorder: EventRecorder,
    objects: ObjectPoller,
    add: Callable[[SourceKey], None] = lambda _: None,
    is_of_another_release: Callable[[str], bool] = lambda _: False,
    clock: Clock | None = None,
) -> Reconciler:
    """The reconciler.

    `add` adds a source to the work queue. `is_of_another_release` returns whether another release serves a namespace.
    """
    clock = clock or SystemClock()
    default_redis_url = options.ingester_defaults.default_redis_url
    tls_files = RedisTlsFiles(objects)
    finalizer = Finalizer(client=client, cache=cache, kinds=kinds, clock=clock)
    ownership = CursorOwnership(
        client=client,
        cache=cache,
        kinds=kinds,
        namespaces=namespaces,
        default_redis_url=default_redis_url,
        is_of_another_release=is_of_another_release,
        add=add,
        clock=clock,
    )
    sources = SourceReader(client, kinds)
    members = PoolMembers(cache=cache, kinds=kinds)
    lists = SourceLists(redis=redis, cache=cache, clock=clock)
    writer = ChildWriter(client=client, cache=cache, sources=sources, clock=clock)
    default_secrets = DefaultRedisSecrets(
        objects=objects, cache=cache, writer=writer, default_redis_url=default_redis_url, clock=clock
    )
    pools = Pools(
        client=client,
        cache=cache,
        writer=writer,
        default_secrets=default_secrets,
        members=members,
        lists=lists,
        ingester_defaults=options.ingester_defaults,
        clock=clock,
    )
    leaving = PoolLeaving(client=client, cache=cache, members=members, lists=lists, add=add)
    status_writer = StatusWriter(
        client=client,
        cache=cache,
        kinds=kinds,
        sources=sources,
        recorder=recorder,
        interval_seconds=options.status_interval_seconds,
        clock=clock,
    )
    return Reconciler(
        cache=cache,
        kinds=kinds,
        memories=SourceMemories(
            on_drop=(ownership.drop_source, tls_files.drop_source, recorder.drop_object, members.drop_source),
            on_key_drop=(objects.drop_source, lambda key: redis.watch(key, ())),
            clock=clock,
        ),
        finalizer=finalizer,
        redis_access=RedisAccessReader(
            objects=objects, redis=redis, ownership=ownership, tls_files=tls_files, default_redis_url=default_redis_url
        ),
        ownership=ownership,
        children=Children(
            client=client,
            cache=cache,
            writer=writer,
            default_secrets=default_secrets,
            pools=pools,
            leaving=leaving,
            ingester_defaults=options.ingester_defaults,
        ),
        observer=Observer(client=client, objects=objects, cache=cache, redis=redis, pools=pools, clock=clock),
        status_writer=status_writer,
        deletion=DeletionReconciler(
            client=client,
            kinds=kinds,
            redis=redis,
            ownership=ownership,
            tls_files=tls_files,
            finalizer=finalizer,
            shutdown=IngesterShutdown(client=client, cache=cache, kinds=kinds, leaving=leaving),
            status_writer=status_writer,
            default_redis_url=default_redis_url,
            deadline_seconds=options.deletion_deadline_seconds,
            clock=clock,
        ),
        objects=objects,
        observe_interval_seconds=options.observe_interval_seconds,
        clock=clock,
    )
