"""What is there of a stream, turned into facts: its Deployment, its pods, and what stands in Redis."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from sluice_operator.api.source import Source
from sluice_operator.desired.naming import COMPONENT_LABEL, child_name
from sluice_operator.desired.stream import DesiredStream
from sluice_operator.kinds.source_key import source_key
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.kubernetes.client import PODS, ApiError, KubernetesClient, Manifest
from sluice_operator.observed.deployments import deployment_facts
from sluice_operator.observed.facts import Facts, SinkFacts, WriterFacts
from sluice_operator.observed.health_writers import HealthWriters
from sluice_operator.observed.pod_ownership import is_of_deployment
from sluice_operator.observed.pods import earliest_pod_time, pods_facts
from sluice_operator.observed.redis_secrets import sink_without_url
from sluice_operator.reconcile.cursor_ownership import keys_of
from sluice_operator.reconcile.cursor_reset import CursorResetter
from sluice_operator.reconcile.pod_startup import StartupInspector
from sluice_operator.reconcile.reconciliation import Reconciliation
from sluice_operator.redis.stream_reader import RedisReader
from sluice_redis.contract import StreamKeys
from sluice_redis.hosts import normalize_host


class Observer:
    """Sees what is there."""

    def __init__(self, *, client: KubernetesClient, cache: Cache, reader: RedisReader) -> None:
        self._client = client
        self._cache = cache
        self._reader = reader
        self._startup = StartupInspector(client)
        self._cursor_resetter = CursorResetter()
        self._writers = HealthWriters()

    def drop_source(self, uid: str) -> None:
        """The source with that uid is gone."""
        self._writers.drop_source(uid)
        self.report_again(uid)

    def report_again(self, uid: str) -> None:
        """Tell again what was told of the source."""
        self._cursor_resetter.drop_source(uid)

    async def observe(
        self, reconciliation: Reconciliation, stream: DesiredStream, deployment: Manifest | None
    ) -> Facts:
        """What is known of `stream`. Never raises for what the API server or Redis does."""
        source, spec, now = reconciliation.source, reconciliation.source.spec, datetime.now(UTC)
        child = child_name(source.metadata.name, stream.component.field)
        labelled = [pod for pod in self._cache.children(PODS, source_key(source)) if _belongs_to(pod, stream)]
        pods = [pod for pod in labelled if is_of_deployment(pod, child)]
        seen = pods_facts(
            pods, since=earliest_pod_time(source=source.metadata.creation_timestamp, deployment=deployment)
        )
        owner, keys = reconciliation.owners.get(stream.component), keys_of(source, stream)
        sink = await self._read_redis(reconciliation, stream, keys, now=now)
        return Facts(
            component=stream.component,
            now=now,
            generation=source.metadata.generation,
            host=normalize_host(spec.host),
            suspended=spec.suspend,
            enabled=stream.enabled,
            owner=owner.name if owner else "",
            owner_leaves=owner is not None and owner.is_terminating,
            owner_unseen=owner is not None and owner.is_unobserved,
            windows=spec.health,
            secret=reconciliation.secret,
            refusal=reconciliation.refusal_for(stream.component),
            contests=reconciliation.observed_contests,
            deployment=None if deployment is None else deployment_facts(deployment),
            pods=seen,
            start=await self._startup.inspect(reconciliation, pods, seen, now=now),
            copies=tuple(pod["metadata"]["name"] for pod in labelled if pod not in pods),
            sink=sink,
            writers=WriterFacts() if sink is None or sink.trouble else self._record_writers(source, keys, sink, pods),
            namespace=source.metadata.namespace,
            child=child,
        )

    async def _read_redis(
        self, reconciliation: Reconciliation, stream: DesiredStream, keys: StreamKeys, *, now: datetime
    ) -> SinkFacts | None:
        if reconciliation.owners.get(stream.component):
            return None  # another's cursor and numbers are not this one's to tell or to set
        if reconciliation.operator_url is None:
            return sink_without_url(reconciliation.secret)
        sink = await self._reader.read(reconciliation.operator_url, keys, now=now, ca_bundle=reconciliation.ca_bundle)
        may_be_set = stream.component in reconciliation.owners and stream.component.accepts_cursor_reset
        if (
            sink.trouble is None
            and may_be_set
            and await self._reset_cursor(reconciliation, reconciliation.operator_url, keys)
        ):
            sink = await self._reader.read(
                reconciliation.operator_url, keys, now=now, ca_bundle=reconciliation.ca_bundle
            )
        return sink

    async def _reset_cursor(self, reconciliation: Reconciliation, url: bytes, keys: StreamKeys) -> bool:
        """Set the cursor if spec.cursor asks for it. Whether it was set, now or before."""
        try:
            self._client.check_write(reconciliation.source.metadata.namespace)
        except ApiError as error:
            reconciliation.errors.append(error)
            return False
        client = self._reader.client(url, ca_bundle=reconciliation.ca_bundle)
        return client is not None and await self._cursor_resetter.reset_if_requested(
            reconciliation.source, client, keys, reconciliation.events
        )

    def _record_writers(
        self, source: Source, keys: StreamKeys, sink: SinkFacts, pods: Sequence[Manifest]
    ) -> WriterFacts:
        return self._writers.record(
            source.metadata.uid,
            keys.health,
            sink.health,
            own_pods={pod["metadata"]["name"] for pod in pods},
            monotonic=time.monotonic(),
        )


def _belongs_to(pod: Manifest, stream: DesiredStream) -> bool:
    return bool(pod["metadata"]["labels"].get(COMPONENT_LABEL) == stream.component.name)
