"""What a source needs to be streamed, brought about: its Secret and its Deployment, and what is left over
removed. And what is seen on the way, as facts.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from sluice_ingester.contract import Stream, StreamKeys, host_of
from sluice_operator.api.relay import Relay
from sluice_operator.children import Children, Outcome
from sluice_operator.desired.manifest import is_controlled_by
from sluice_operator.desired.naming import REDIS_HASH_ANNOTATION, Component, child_name
from sluice_operator.desired.redis import build_redis_secret, redis_hash, redis_secret
from sluice_operator.desired.relay import build_firehose
from sluice_operator.desired.settings import IngesterSettings
from sluice_operator.kube import DEPLOYMENTS, PODS, SECRETS, Api, Kube, KubeError, Manifest
from sluice_operator.observed.deployments import deployment_facts
from sluice_operator.observed.facts import Facts, Refusal, SecretFacts
from sluice_operator.observed.pods import pods_facts
from sluice_operator.observed.redis import RedisReader
from sluice_operator.observed.secrets import redis_url
from sluice_operator.sources import SourceKey
from sluice_operator.status.changes import Tell
from sluice_operator.status.reasons import Happening
from sluice_operator.store import Store

_NO_REDIS = (
    "There is no Redis to write to: name a Secret with its URL in spec.redis.secretRef, or give the operator a "
    "default (SLUICE_DEFAULT_REDIS_URL)"
)


@dataclass(slots=True)
class _Look:
    """What one look at a relay has come to so far."""

    relay: Relay
    news: list[Tell]
    refusal: Refusal | None = None
    url: bytes | None = field(default=None, repr=False)
    secret: SecretFacts = field(default_factory=SecretFacts)

    def note(self, outcome: Outcome) -> Manifest | None:
        """Take in what has become of a child. The child."""
        if outcome.tell is not None:
            self.news.append(outcome.tell)
        self.refusal = self.refusal or outcome.refusal
        return outcome.live


class Workload:
    """Brings about what relays need."""

    def __init__(self, *, kube: Kube, store: Store, reader: RedisReader, ingesters: IngesterSettings) -> None:
        self._kube = kube
        self._store = store
        self._children = Children(kube)
        self._reader = reader
        self._ingesters = ingesters
        self._tidied: dict[str, int] = {}

    async def bring_about(self, relay: Relay, news: list[Tell]) -> Facts:
        """Bring about what `relay` needs, and say what is there. What was done goes to `news`.

        Raises KubeError if the API server did not answer as it should.
        """
        look = _Look(relay=relay, news=news)
        await self._find_redis(look)
        deployment = await self._keep_deployment(look)
        await self._tidy(look)
        return await self._facts(look, deployment)

    def forget(self, key: SourceKey, uid: str) -> None:
        """The source of that key is gone, and its children go with it."""
        self._tidied.pop(uid, None)
        self._children.forget(SECRETS, key.namespace, _own_secret(key.name))
        self._children.forget(DEPLOYMENTS, key.namespace, _deployment_name(key.name))

    async def _find_redis(self, look: _Look) -> None:
        wanted, namespace = redis_secret(look.relay), look.relay.metadata.namespace
        default = self._ingesters.default_redis_url
        if wanted.owned and default is None:
            look.secret = SecretFacts(problem=_NO_REDIS)
            return
        try:
            secret = await self._kube.get(SECRETS, namespace, wanted.name)
        except KubeError as error:
            if not error.is_refusal:
                raise
            look.secret = SecretFacts(problem=f"The Secret {wanted.name} can't be read: {error.message}")
            return
        if wanted.owned and default is not None:
            manifest = build_redis_secret(look.relay, url=default)
            outcome = await self._children.ensure(SECRETS, manifest, live=secret, source=look.relay)
            look.note(outcome)
            look.url = default.encode()
            look.secret = SecretFacts(digest=redis_hash(look.url))
        else:
            look.url, look.secret = redis_url(secret, wanted)

    async def _keep_deployment(self, look: _Look) -> Manifest | None:
        relay = look.relay
        live = await self._live_deployment(relay)
        running = _redis_hash_of(live)
        digest = look.secret.digest or running
        if digest is None:
            return live  # a pod without a URL could only fail
        if live is not None and running is not None and look.secret.digest not in {None, running}:
            message = "The URL of Redis has changed: the ingester is restarted with it"
            look.news.append(Tell(type="Normal", reason=Happening.SECRET_CHANGED, message=message))
        wanted = build_firehose(relay, redis_hash=digest, settings=self._ingesters)
        outcome = await self._children.ensure(DEPLOYMENTS, wanted, live=live, source=relay)
        deployment = look.note(outcome)
        if deployment is not None and deployment is not live:
            self._store.put(DEPLOYMENTS, deployment)
        return deployment

    async def _live_deployment(self, relay: Relay) -> Manifest | None:
        namespace, name = relay.metadata.namespace, _deployment_name(relay.metadata.name)
        for child in self._store.children(DEPLOYMENTS, _key(relay)):
            if child["metadata"]["name"] == name:
                return child
        # None that bears our labels; one of that name may be a stranger's, or ours without its labels.
        return await self._kube.get(DEPLOYMENTS, namespace, name)

    async def _tidy(self, look: _Look) -> None:
        """Remove children that are wanted no longer. Deployments are seen; a Secret is looked for once."""
        relay = look.relay
        namespace, generation = relay.metadata.namespace, relay.metadata.generation
        for child in self._store.children(DEPLOYMENTS, _key(relay)):
            leftover = child["metadata"]["name"] != _deployment_name(relay.metadata.name)
            if leftover and is_controlled_by(child, relay):
                await self._remove(look, DEPLOYMENTS, child)
        if self._tidied.get(relay.metadata.uid) == generation:
            return
        name = _own_secret(relay.metadata.name)
        if redis_secret(relay).name != name:
            secret = await self._kube.get(SECRETS, namespace, name)
            if secret is not None and is_controlled_by(secret, relay):
                await self._remove(look, SECRETS, {**secret, "kind": SECRETS.kind})
        self._tidied[relay.metadata.uid] = generation

    async def _remove(self, look: _Look, api: Api, child: Manifest) -> None:
        if tell := await self._children.remove(api, child):
            look.news.append(tell)

    async def _facts(self, look: _Look, deployment: Manifest | None) -> Facts:
        relay, spec = look.relay, look.relay.spec
        host, now = host_of(spec.host), datetime.now(UTC)
        sink = None
        if look.url is not None:
            keys = StreamKeys(stream=Stream.FIREHOSE, host=host)
            sink = await self._reader.read(look.url, keys, now=now)
        return Facts(
            now=now,
            generation=relay.metadata.generation,
            host=host,
            suspended=spec.suspend,
            enabled=spec.firehose.enabled,
            degraded_after=float(spec.health.degraded_after_seconds),
            stable_window=float(spec.health.stable_window_seconds),
            secret=look.secret,
            refusal=look.refusal,
            deployment=None if deployment is None else deployment_facts(deployment),
            pods=pods_facts(self._store.children(PODS, _key(relay))),
            sink=sink,
        )


def _key(relay: Relay) -> SourceKey:
    return SourceKey(type(relay).__name__, relay.metadata.namespace, relay.metadata.name)


def _deployment_name(relay: str) -> str:
    return child_name(relay, Component.FIREHOSE.value)


def _own_secret(relay: str) -> str:
    return child_name(relay, "redis")


def _redis_hash_of(deployment: Manifest | None) -> str | None:
    """The hash of the URL that the pods of `deployment` were started with."""
    if deployment is None:
        return None
    template = deployment.get("spec", {}).get("template", {})
    annotations = template.get("metadata", {}).get("annotations") or {}
    return annotations.get(REDIS_HASH_ANNOTATION) or None
