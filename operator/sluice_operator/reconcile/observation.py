"""What is there of a stream, turned into facts: its Deployment, its pods, and what stands in Redis."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from sluice_operator.api.source import Source
from sluice_operator.desired.naming import COMPONENT_LABEL, child_name
from sluice_operator.desired.stream import StreamComponent
from sluice_operator.kinds.registry import source_key
from sluice_operator.kubernetes.cache import Store
from sluice_operator.kubernetes.client import PODS, Kube, KubeError, Manifest
from sluice_operator.observed.deployments import deployment_facts
from sluice_operator.observed.facts import Facts, SinkFacts, WriterFacts
from sluice_operator.observed.health_writers import Writers
from sluice_operator.observed.pod_ownership import is_of_deployment
from sluice_operator.observed.pods import first_pods, pods_facts
from sluice_operator.observed.redis_secrets import without_url
from sluice_operator.reconcile.cursor_ownership import keys_of
from sluice_operator.reconcile.cursor_reset import Resets
from sluice_operator.reconcile.pod_startup import Starting
from sluice_operator.reconcile.reconciliation import Look
from sluice_operator.redis.stream_reader import RedisReader
from sluice_redis.contract import Stream, StreamKeys
from sluice_redis.hosts import host_of


class Sighting:
    """Sees what is there."""

    def __init__(self, *, kube: Kube, store: Store, reader: RedisReader) -> None:
        self._kube = kube
        self._store = store
        self._reader = reader
        self._starting = Starting(kube)
        self._resets = Resets()
        self._writers = Writers()

    def forget(self, uid: str) -> None:
        """The source with that uid is gone."""
        self._writers.forget(uid)
        self.try_again(uid)

    def try_again(self, uid: str) -> None:
        """Tell again what was told of the source."""
        self._resets.forget(uid)

    async def facts(self, look: Look, stream: StreamComponent, deployment: Manifest | None) -> Facts:
        """What is known of `stream`. Never raises for what the API server or Redis does."""
        source, spec, now = look.source, look.source.spec, datetime.now(UTC)
        child = child_name(source.metadata.name, stream.component.part)
        labelled = [pod for pod in self._store.children(PODS, source_key(source)) if _is_of(pod, stream)]
        pods = [pod for pod in labelled if is_of_deployment(pod, child)]
        seen = pods_facts(pods, since=first_pods(source=source.metadata.creation_timestamp, deployment=deployment))
        owner, keys = look.owners.get(stream.component), keys_of(source, stream)
        sink = await self._sink(look, stream, keys, now=now)
        return Facts(
            component=stream.component,
            now=now,
            generation=source.metadata.generation,
            host=host_of(spec.host),
            suspended=spec.suspend,
            enabled=stream.enabled,
            owner=owner.name if owner else "",
            owner_leaves=owner is not None and owner.leaves,
            owner_unseen=owner is not None and owner.unseen,
            windows=spec.health,
            secret=look.secret,
            refusal=look.refusal(stream.component),
            contests=look.known_contests,
            deployment=None if deployment is None else deployment_facts(deployment),
            pods=seen,
            start=await self._starting.facts(look, pods, seen, now=now),
            copies=tuple(pod["metadata"]["name"] for pod in labelled if pod not in pods),
            sink=sink,
            writers=WriterFacts() if sink is None or sink.trouble else self._note_writers(source, keys, sink, pods),
            namespace=source.metadata.namespace,
            child=child,
        )

    async def _sink(self, look: Look, stream: StreamComponent, keys: StreamKeys, *, now: datetime) -> SinkFacts | None:
        if look.owners.get(stream.component):
            return None  # another's cursor and numbers are not this one's to tell or to set
        if look.own_url is None:
            return without_url(look.secret)
        sink = await self._reader.read(look.own_url, keys, now=now, authorities=look.authorities)
        may_be_set = stream.component in look.owners and stream.stream is not Stream.BACKFILL
        if sink.trouble is None and may_be_set and await self._reset(look, look.own_url, keys):
            sink = await self._reader.read(look.own_url, keys, now=now, authorities=look.authorities)
        return sink

    async def _reset(self, look: Look, url: bytes, keys: StreamKeys) -> bool:
        """Set the cursor if spec.cursor asks for it. Whether it was set, now or before."""
        try:
            self._kube.admit(look.source.metadata.namespace)
        except KubeError as error:
            look.errors.append(error)
            return False
        client = self._reader.client(url, authorities=look.authorities)
        return client is not None and await self._resets.carry_out(look.source, client, keys, look.news)

    def _note_writers(self, source: Source, keys: StreamKeys, sink: SinkFacts, pods: Sequence[Manifest]) -> WriterFacts:
        return self._writers.note(
            source.metadata.uid,
            keys.health,
            sink.health,
            ours={pod["metadata"]["name"] for pod in pods},
            monotonic=time.monotonic(),
        )


def _is_of(pod: Manifest, stream: StreamComponent) -> bool:
    return bool(pod["metadata"]["labels"].get(COMPONENT_LABEL) == stream.component)
