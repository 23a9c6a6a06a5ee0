"""What a source needs to be streamed, brought about: its Secret and its Deployments, and what is left over
removed. And what is seen on the way, as facts.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from sluice_ingester.contract import Stream, StreamKeys
from sluice_ingester.hosts import host_of
from sluice_operator.api.source import Source
from sluice_operator.children import Children, Outcome
from sluice_operator.claims import Claims, keys_of
from sluice_operator.client_files import ClientFiles
from sluice_operator.desired.claim import Claim
from sluice_operator.desired.deployment import build_deployment
from sluice_operator.desired.manifest import is_controlled_by
from sluice_operator.desired.naming import (
    CA_HASH_ANNOTATION,
    CLIENT_HASH_ANNOTATION,
    COMPONENT_LABEL,
    REDIS_HASH_ANNOTATION,
    Component,
    child_name,
    redis_secret_name,
)
from sluice_operator.desired.redis import build_redis_secret, key_prefix, redis_secret
from sluice_operator.desired.request import is_new
from sluice_operator.desired.settings import IngesterSettings
from sluice_operator.desired.stream import StreamComponent
from sluice_operator.desired.streams import streams_of
from sluice_operator.hashes import changes, hashes
from sluice_operator.kube import DEPLOYMENTS, PODS, SECRETS, Api, Kube, Manifest
from sluice_operator.observed.authorities import authorities_hash
from sluice_operator.observed.deployments import deployment_facts
from sluice_operator.observed.facts import Facts, Refusal, SecretFacts, SinkFacts, WriterFacts
from sluice_operator.observed.ownership import is_of_deployment
from sluice_operator.observed.pods import first_pods, pods_facts
from sluice_operator.observed.redis import RedisReader
from sluice_operator.observed.secrets import redis_url, unusable
from sluice_operator.observed.writers import Writers
from sluice_operator.reach import find_authorities, find_secret
from sluice_operator.resets import Resets
from sluice_operator.sources import SourceKey, source_key
from sluice_operator.status.changes import Tell
from sluice_operator.store import Store

_NO_REDIS = (
    "There is no Redis to write to: name a Secret with its URL in spec.redis.secretRef, or give the operator a "
    "default (SLUICE_DEFAULT_REDIS_URL)"
)


@dataclass(slots=True)
class _Look:
    """What one look at a source has come to so far."""

    source: Source
    news: list[Tell]
    refusal: Refusal | None = None
    url: bytes | None = field(default=None, repr=False)
    secret: SecretFacts = field(default_factory=SecretFacts)
    own_url: bytes | None = field(default=None, repr=False)
    """The same as the operator itself can use it: see `client_files`."""
    hashes: dict[str, str | None] = field(default_factory=dict)
    """Of what the ingester reads at its start, by annotation: see `hashes`."""
    authorities: str = field(default="", repr=False)
    owners: dict[Component, Claim | None] = field(default_factory=dict)
    """By stream, the claim of the source to which its cursor belongs if it is another one."""

    def note(self, outcome: Outcome) -> Manifest | None:
        """Take in what has become of a child. The child."""
        if outcome.tell is not None:
            self.news.append(outcome.tell)
        self.refusal = self.refusal or outcome.refusal
        return outcome.live


class Workload:
    """Brings about what sources need."""

    def __init__(
        self,
        *,
        kube: Kube,
        store: Store,
        reader: RedisReader,
        claims: Claims,
        files: ClientFiles,
        ingesters: IngesterSettings,
    ) -> None:
        self._kube = kube
        self._store = store
        self._children = Children(kube)
        self._reader = reader
        self._claims = claims
        self._files = files
        self._resets = Resets()
        self._writers = Writers()
        self._ingesters = ingesters
        self._tidied: dict[str, int] = {}

    async def bring_about(self, source: Source, news: list[Tell]) -> list[Facts]:
        """Bring about what `source` needs, and say what is there, for each of its streams. What was done
        goes to `news`.

        Raises KubeError if the API server did not answer as it should.
        """
        look, streams = _Look(source=source, news=news), streams_of(source)
        await self._find_redis(look)
        if look.own_url is not None and is_new(source.metadata.annotations, source.status):
            self._reader.ask_again(look.own_url, authorities=look.authorities)
        self._claims.note(source, look.url, authorities=look.authorities)
        for stream in streams:
            look.owners[stream.component] = await self._claims.owner(source, stream)
        deployments = [await self._keep_deployment(look, stream) for stream in streams]
        await self._tidy(look, streams)
        return [await self._facts(look, *one) for one in zip(streams, deployments, strict=True)]

    def forget(self, key: SourceKey, uid: str) -> None:
        """The source of that key is gone, and its children go with it."""
        self._claims.forget(uid)
        self._writers.forget(uid)
        self._files.forget(uid)
        self.try_again(key, uid)

    def try_again(self, key: SourceKey, uid: str) -> None:
        """Forget what was refused, contested or done for the source of that key, so that it is tried at once."""
        self._tidied.pop(uid, None)
        self._resets.forget(uid)
        self._children.forget(SECRETS, key.namespace, redis_secret_name(kind=key.kind, resource=key.name))
        for component in Component:
            self._children.forget(DEPLOYMENTS, key.namespace, child_name(key.name, component.part))

    async def _find_redis(self, look: _Look) -> None:
        wanted = redis_secret(look.source)
        default = self._ingesters.default_redis_url
        if wanted.owned and default is None:
            look.secret = SecretFacts(problem=_NO_REDIS)
            return
        secret, refusal = await find_secret(self._kube, look.source)
        if refusal:
            look.secret = SecretFacts(problem=f"The {refusal}")
            return
        if wanted.owned and default is not None:
            manifest = build_redis_secret(look.source, url=default)
            outcome = await self._children.ensure(SECRETS, manifest, live=secret, source=look.source)
            look.note(outcome)
            secret = manifest
        look.url, look.secret = redis_url(secret, wanted, key_prefix=key_prefix(look.source))
        look.authorities = await find_authorities(self._kube, look.source)
        if look.url is not None:
            local = await self._files.localized(look.source, look.url)
            look.own_url = local.url
            look.hashes[CLIENT_HASH_ANNOTATION] = local.digest
        look.hashes |= {
            REDIS_HASH_ANNOTATION: look.secret.digest,
            CA_HASH_ANNOTATION: authorities_hash(look.authorities) if look.authorities else None,
        }

    async def _keep_deployment(self, look: _Look, stream: StreamComponent) -> Manifest | None:
        source = look.source
        live = await self._live_deployment(source, child_name(source.metadata.name, stream.component.part))
        wanted_hashes = hashes(live, found=look.hashes, source=source)
        if REDIS_HASH_ANNOTATION not in wanted_hashes:
            # A pod without a URL could only fail.
            return live if live is not None and is_controlled_by(live, source) else None
        may_run = replace(stream, enabled=stream.enabled and not look.owners[stream.component])
        wanted = build_deployment(source, may_run, hashes=wanted_hashes, settings=self._ingesters)
        outcome = await self._children.ensure(DEPLOYMENTS, wanted, live=live, source=source)
        deployment = look.note(outcome)
        if deployment is not None and deployment is not live:
            self._store.put(DEPLOYMENTS, deployment)
            look.news += changes(live, wanted_hashes)
        return deployment

    async def _live_deployment(self, source: Source, name: str) -> Manifest | None:
        for child in self._store.children(DEPLOYMENTS, source_key(source)):
            if child["metadata"]["name"] == name:
                return child
        # None that bears our labels; one of that name may be a stranger's, or ours without its labels.
        return await self._kube.get(DEPLOYMENTS, source.metadata.namespace, name)

    async def _tidy(self, look: _Look, streams: Sequence[StreamComponent]) -> None:
        """Remove children that are wanted no longer. Deployments are seen; a Secret is looked for once."""
        source = look.source
        namespace, generation = source.metadata.namespace, source.metadata.generation
        kept = {child_name(source.metadata.name, stream.component.part) for stream in streams}
        for child in self._store.children(DEPLOYMENTS, source_key(source)):
            if child["metadata"]["name"] not in kept and is_controlled_by(child, source):
                await self._remove(look, DEPLOYMENTS, child)
        if self._tidied.get(source.metadata.uid) == generation:
            return
        name = redis_secret_name(kind=type(source).__name__, resource=source.metadata.name)
        if redis_secret(source).name != name:
            secret = await self._kube.get(SECRETS, namespace, name)
            if secret is not None and is_controlled_by(secret, source):
                await self._remove(look, SECRETS, {**secret, "kind": SECRETS.kind})
        self._tidied[source.metadata.uid] = generation

    async def _remove(self, look: _Look, api: Api, child: Manifest) -> None:
        if tell := await self._children.remove(api, child):
            look.news.append(tell)

    async def _facts(self, look: _Look, stream: StreamComponent, deployment: Manifest | None) -> Facts:
        source, spec = look.source, look.source.spec
        host, now = host_of(spec.host), datetime.now(UTC)
        child = child_name(source.metadata.name, stream.component.part)
        labelled = [pod for pod in self._store.children(PODS, source_key(source)) if _is_of(pod, stream)]
        pods = [pod for pod in labelled if is_of_deployment(pod, child)]
        sink, keys = unusable(look.secret), keys_of(source, stream)
        owner = look.owners[stream.component]
        if look.own_url is not None and not owner:  # another's cursor and numbers are not this one's to tell or to set
            sink = await self._reader.read(look.own_url, keys, now=now, authorities=look.authorities)
            if sink.trouble is None and stream.stream is not Stream.BACKFILL and await self._reset(look, keys):
                sink = await self._reader.read(look.own_url, keys, now=now, authorities=look.authorities)
        return Facts(
            component=stream.component,
            now=now,
            generation=source.metadata.generation,
            host=host,
            suspended=spec.suspend,
            enabled=stream.enabled,
            owner=owner.name if owner else "",
            owner_leaves=owner is not None and owner.leaves,
            owner_unseen=owner is not None and owner.unseen,
            windows=spec.health,
            secret=look.secret,
            refusal=look.refusal,
            deployment=None if deployment is None else deployment_facts(deployment),
            pods=pods_facts(pods, since=first_pods(source=source.metadata.creation_timestamp, deployment=deployment)),
            copies=tuple(pod["metadata"]["name"] for pod in labelled if pod not in pods),
            sink=sink,
            writers=WriterFacts() if sink is None or sink.trouble else self._note_writers(source, keys, sink, pods),
            namespace=source.metadata.namespace,
            child=child,
        )

    def _note_writers(self, source: Source, keys: StreamKeys, sink: SinkFacts, pods: Sequence[Manifest]) -> WriterFacts:
        return self._writers.note(
            source.metadata.uid,
            keys.health,
            sink.health,
            ours={pod["metadata"]["name"] for pod in pods},
            monotonic=time.monotonic(),
        )

    async def _reset(self, look: _Look, keys: StreamKeys) -> bool:
        """Set the cursor if spec.cursor asks for it. Whether it was set, now or before."""
        self._kube.admit(look.source.metadata.namespace)
        client = self._reader.client(look.own_url, authorities=look.authorities) if look.own_url is not None else None
        return client is not None and await self._resets.carry_out(look.source, client, keys, look.news)


def _is_of(pod: Manifest, stream: StreamComponent) -> bool:
    return bool(pod["metadata"]["labels"].get(COMPONENT_LABEL) == stream.component)
