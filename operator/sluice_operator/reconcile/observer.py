"""The step that observes each stream of a source: its Deployment, its pods, and its keys in Redis."""

from collections.abc import Mapping, Sequence

from sluice_common.clock import Clock
from sluice_operator.desired.component import Component
from sluice_operator.desired.cursor_claim import CursorClaim
from sluice_operator.desired.naming import COMPONENT_LABEL, child_name
from sluice_operator.desired.stream import DesiredStream
from sluice_operator.kubernetes.api_resource import PODS, Manifest
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.kubernetes.client import KubernetesClient
from sluice_operator.kubernetes.errors import ApiError
from sluice_operator.kubernetes.object_poller import ObjectPoller
from sluice_operator.kubernetes.source_key import SourceKey
from sluice_operator.observed.deployments import deployment_facts
from sluice_operator.observed.facts.facts import Facts
from sluice_operator.observed.facts.redis import SinkFacts
from sluice_operator.observed.facts.writers import WriterFacts
from sluice_operator.observed.pod_ownership import is_of_deployment
from sluice_operator.observed.pods import earliest_pod_time, pods_facts
from sluice_operator.observed.redis_secrets import sink_without_url
from sluice_operator.reconcile.children import EnsuredChildren
from sluice_operator.reconcile.cursor_reset import CursorResetter
from sluice_operator.reconcile.keys import keys_of, source_key
from sluice_operator.reconcile.pod_startup import StartupInspector
from sluice_operator.reconcile.pools import Pools
from sluice_operator.reconcile.reconciliation import Reconciliation
from sluice_operator.reconcile.redis_access import RedisAccess
from sluice_operator.redis.source_redis import SourceRedis
from sluice_operator.redis.stream_watch import WatchedStream
from sluice_redis.contract import StreamKeys
from sluice_redis.hosts import normalize_host


class Observer:
    """Observes sources."""

    def __init__(
        self,
        *,
        client: KubernetesClient,
        objects: ObjectPoller,
        cache: Cache,
        redis: SourceRedis,
        pools: Pools,
        clock: Clock,
    ) -> None:
        self._client = client
        self._cache = cache
        self._redis = redis
        self._pools = pools
        self._clock = clock
        self._startup = StartupInspector(client, objects, clock)
        self._cursor_resetter = CursorResetter(redis, clock)

    async def observe(
        self,
        run: Reconciliation,
        access: RedisAccess,
        owners: Mapping[Component, CursorClaim | None],
        children: EnsuredChildren,
    ) -> list[Facts]:
        """The facts of each stream. A problem of the API server or of Redis is a fact too: it is not raised."""
        return [await self._observe(run, access, owners, children, stream) for stream in run.streams]

    def unwatch(self, key: SourceKey) -> None:
        """Watch nothing in Redis for the source of that key."""
        self._redis.watch(key, ())

    def watch(self, run: Reconciliation, access: RedisAccess, facts: Sequence[Facts], *, numbers_in: float) -> None:
        """Watch what was read from Redis. A change of numbers is due in `numbers_in` seconds."""
        due_at = self._clock.monotonic() + numbers_in
        streams = [
            WatchedStream(
                url=access.operator_url,
                ca_bundle=access.ca_bundle,
                keys=keys_of(run.source, stream),
                is_running=any(pod.running_since is not None for pod in one.pods),
                numbers_due_at=due_at,
            )
            for stream, one in zip(run.streams, facts, strict=True)
            if access.operator_url is not None and one.sink is not None
        ]
        self._redis.watch(source_key(run.source), streams)

    async def _observe(
        self,
        run: Reconciliation,
        access: RedisAccess,
        owners: Mapping[Component, CursorClaim | None],
        children: EnsuredChildren,
        stream: DesiredStream,
    ) -> Facts:
        source, now = run.source, self._clock.now()
        deployment, owner = children.deployments.get(stream.component), owners.get(stream.component)
        place, pooled = children.place, None
        if place is None:
            child = child_name(source.metadata.name, stream.component.field)
            labelled = [pod for pod in self._cache.children(PODS, source_key(source)) if _belongs_to(pod, stream)]
            pods = [pod for pod in labelled if is_of_deployment(pod, child)]
        else:
            child, pooled = place.name, self._pools.stream_of(source, stream, place)
            labelled = pods = self._pools.pods_of(place) if pooled.runs or pooled.is_pending else []
        since = earliest_pod_time(source=source.metadata.creation_timestamp, deployment=deployment)
        pod_facts = pods_facts(pods, since=since)
        # The cursor and the numbers of another source are not this one's to report or to set.
        sink = None if owner is not None else await self._read_redis(run, access, owners, stream)
        if pooled is not None and pooled.failure is not None and sink is not None and sink.failure is None:
            sink = pooled.failure
        return Facts(
            component=stream.component,
            now=now,
            generation=source.metadata.generation,
            host=normalize_host(source.spec.host),
            suspended=source.spec.suspend,
            enabled=stream.enabled,
            owner=owner.name if owner else "",
            owner_terminating=owner is not None and owner.is_terminating,
            owner_unobserved=owner is not None and owner.is_unobserved,
            windows=source.spec.health,
            secret=access.secret,
            refusal=run.refusal_for(stream.component),
            contests=children.contests,
            deployment=None if deployment is None else deployment_facts(deployment),
            pods=pod_facts,
            start=await self._startup.inspect(run, pods, pod_facts, now=now),
            copies=tuple(pod["metadata"]["name"] for pod in labelled if pod not in pods),
            sink=sink,
            writers=self._writer_facts(run, keys_of(source, stream), sink, pods),
            namespace=source.metadata.namespace,
            pool=place.pool.name if place is not None else "",
            still_in=run.still_in,
            is_list_pending=pooled is not None and pooled.is_pending,
            joined=None if pooled is None else pooled.joined if pooled.runs else now,
            child=child,
        )

    async def _read_redis(
        self,
        run: Reconciliation,
        access: RedisAccess,
        owners: Mapping[Component, CursorClaim | None],
        stream: DesiredStream,
    ) -> SinkFacts | None:
        if (url := access.operator_url) is None:
            return sink_without_url(access.secret)
        keys = keys_of(run.source, stream)
        sink = await self._redis.read(url, keys, now=self._clock.now(), ca_bundle=access.ca_bundle)
        may_set_cursor = stream.component.accepts_cursor_reset and stream.component in owners
        if sink.failure is not None or not may_set_cursor or not self._may_write(run):
            return sink
        if await self._cursor_resetter.reset_if_requested(run, url, access, keys):
            sink = await self._redis.read(url, keys, now=self._clock.now(), ca_bundle=access.ca_bundle)
        return sink

    def _may_write(self, run: Reconciliation) -> bool:
        """Whether this operator may write for the namespace of the source."""
        try:
            self._client.check_write(run.source.metadata.namespace)
        except ApiError as error:
            run.errors.append(error)
            return False
        return True

    def _writer_facts(
        self, run: Reconciliation, keys: StreamKeys, sink: SinkFacts | None, pods: Sequence[Manifest]
    ) -> WriterFacts:
        if sink is None or sink.failure:
            return WriterFacts()
        return run.memory.health_writers.record(
            keys.health,
            sink.health,
            own_pods={pod["metadata"]["name"] for pod in pods},
            monotonic=self._clock.monotonic(),
        )


def _belongs_to(pod: Manifest, stream: DesiredStream) -> bool:
    return bool(pod["metadata"]["labels"].get(COMPONENT_LABEL) == stream.component.name)
