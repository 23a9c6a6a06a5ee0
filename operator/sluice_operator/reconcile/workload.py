"""What a source needs to be streamed, brought about: its Secret and its Deployments, and what is left over
removed. And what is seen on the way, as facts.

Each step may fail without ending the look: what the API server refuses or can't do is a fact like others, and what can
be seen is seen all the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sluice_operator.api.source import Source
from sluice_operator.desired.child_metadata import is_controlled_by
from sluice_operator.desired.deployment import build_deployment
from sluice_operator.desired.ingester_defaults import IngesterSettings
from sluice_operator.desired.naming import (
    CA_HASH_ANNOTATION,
    CLIENT_HASH_ANNOTATION,
    DESIRED_HASH_ANNOTATION,
    REDIS_HASH_ANNOTATION,
    Component,
    child_name,
    redis_secret_name,
)
from sluice_operator.desired.reconcile_request import is_new
from sluice_operator.desired.redis_secret import RedisSecret, build_redis_secret, key_prefix, redis_secret
from sluice_operator.desired.stream import StreamComponent
from sluice_operator.desired.streams import streams_of
from sluice_operator.kinds.registry import SourceKey, source_key
from sluice_operator.kubernetes.cache import Store
from sluice_operator.kubernetes.client import DEPLOYMENTS, SECRETS, Api, Kube, KubeError, Manifest
from sluice_operator.observed.ca_bundle import authorities_hash
from sluice_operator.observed.facts import Facts, Refusal, SecretFacts
from sluice_operator.observed.redis_secrets import redis_url
from sluice_operator.reconcile.api_errors import refusal_of
from sluice_operator.reconcile.child_applier import Children
from sluice_operator.reconcile.config_hashes import changes, hashes
from sluice_operator.reconcile.cursor_ownership import Claims
from sluice_operator.reconcile.observation import Sighting
from sluice_operator.reconcile.reconciliation import Look
from sluice_operator.reconcile.retry_times import Attempts
from sluice_operator.redis.credentials import find_authorities, find_secret
from sluice_operator.redis.stream_reader import RedisReader
from sluice_operator.redis.tls_files import ClientFiles
from sluice_operator.status.transitions import Tell

_NO_REDIS = (
    "There is no Redis to write to: name a Secret with its URL in spec.redis.secretRef, or give the operator a "
    "default (SLUICE_DEFAULT_REDIS_URL)"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Brought:
    """What one look has come to."""

    streams: list[Facts]
    errors: list[KubeError]
    """What the API server could not do at this look."""
    due: float | None
    """In how many seconds something is to be tried again that failed before; None if nothing is."""


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
        self._attempts = Attempts()
        self._reader = reader
        self._claims = claims
        self._files = files
        self._sighting = Sighting(kube=kube, store=store, reader=reader)
        self._ingesters = ingesters
        self._tidied: dict[str, int] = {}

    async def bring_about(self, source: Source, news: list[Tell], *, hold: Refusal | None = None) -> Brought:
        """Bring about what `source` needs, and say what is there, for each of its streams. What was done
        goes to `news`. With `hold` no child is written, for that reason.
        """
        look, streams = Look(source=source, news=news, hold=hold), streams_of(source)
        await self._find_redis(look)
        if look.own_url is not None and is_new(source.metadata.annotations, source.status):
            self._reader.ask_again(look.own_url, authorities=look.authorities)
        if not look.secret.unread:
            self._claims.note(source, look.url, authorities=look.authorities)
        for stream in streams:
            await self._find_owner(look, stream)
        deployments = [await self._keep_deployment(look, stream) for stream in streams]
        if hold is None:
            await self._tidy(look, streams)
        facts = [await self._sighting.facts(look, *one) for one in zip(streams, deployments, strict=True)]
        return Brought(streams=facts, errors=look.errors, due=look.due)

    def forget(self, key: SourceKey, uid: str) -> None:
        """The source of that key is gone, and its children go with it."""
        self._claims.forget(uid)
        self._files.forget(uid)
        self._sighting.forget(uid)
        self.try_again(key, uid)

    def try_again(self, key: SourceKey, uid: str) -> None:
        """Forget what was refused, contested or done for the source of that key, so that it is tried at once."""
        self._tidied.pop(uid, None)
        self._sighting.try_again(uid)
        secret = redis_secret_name(kind=key.kind, resource=key.name)
        names = [(DEPLOYMENTS, child_name(key.name, component.part)) for component in Component]
        for api, name in [(SECRETS, secret), *names]:
            self._children.forget(api, key.namespace, name)
            self._attempts.forget(api.path(key.namespace, name))

    async def _find_redis(self, look: Look) -> None:
        wanted = redis_secret(look.source)
        default = self._ingesters.default_redis_url
        if wanted.owned and default is None:
            look.secret = SecretFacts(problem=_NO_REDIS)
            return
        try:
            async with look.step():
                secret, refusal = await find_secret(self._kube, look.source)
        except KubeError as error:
            look.errors.append(error)
            self._do_without_secret(look, wanted, error)
        else:
            if refusal:
                look.secret = SecretFacts(problem=f"The {refusal}")
                return
            if wanted.owned and default is not None:
                manifest = build_redis_secret(look.source, url=default)
                await self._ensure(look, SECRETS, manifest, live=secret)
                secret = manifest
            look.url, look.secret = redis_url(secret, wanted, key_prefix=key_prefix(look.source))
        await self._find_files(look)

    def _do_without_secret(self, look: Look, wanted: RedisSecret, error: KubeError) -> None:
        """Go on with the URL that was read last: the Secret can't be read now."""
        default, known = self._ingesters.default_redis_url, self._claims.last_reach(look.source)
        if wanted.owned and default is not None:
            look.url = default.encode()
        elif known is not None:
            look.url = known.url
        refusal = refusal_of(error, doing=f"show the Secret {wanted.name}")
        look.secret = SecretFacts(unread=refusal.message)
        if not look.is_applied:
            look.refuse(refusal)

    async def _find_files(self, look: Look) -> None:
        """Find what a client of the Redis needs beside its URL."""
        digest: str | None = None
        try:
            async with look.step():
                look.authorities = await find_authorities(self._kube, look.source)
        except KubeError as error:
            look.errors.append(error)
            known = self._claims.last_reach(look.source)
            look.authorities = known.authorities if known else ""
        else:
            digest = authorities_hash(look.authorities) if look.authorities else None
        if look.url is not None:
            local = await self._files.localized(look.source, look.url)
            look.own_url = local.url
            look.hashes[CLIENT_HASH_ANNOTATION] = local.digest
            look.errors += local.errors
        look.hashes |= {REDIS_HASH_ANNOTATION: look.secret.digest, CA_HASH_ANNOTATION: digest}

    async def _find_owner(self, look: Look, stream: StreamComponent) -> None:
        try:
            async with look.step():
                look.owners[stream.component] = await self._claims.owner(look.source, stream)
        except KubeError as error:
            look.errors.append(error)
            look.refuse(refusal_of(error, doing="tell whose cursor it is"), stream.component)

    async def _keep_deployment(self, look: Look, stream: StreamComponent) -> Manifest | None:
        source, name = look.source, child_name(look.source.metadata.name, stream.component.part)
        try:
            async with look.step():
                live = await self._live_deployment(source, name)
        except KubeError as error:
            look.are_compared = False
            look.errors.append(error)
            look.refuse(refusal_of(error, doing=f"show the Deployment {name}"), stream.component)
            return None
        own = live if live is not None and is_controlled_by(live, source) else None
        wanted_hashes = hashes(live, found=look.hashes, source=source)
        if REDIS_HASH_ANNOTATION not in wanted_hashes or stream.component not in look.owners:
            # A pod without a URL could only fail, and one beside another's would only hinder that.
            look.are_compared = False
            return own
        may_run = replace(stream, enabled=stream.enabled and not look.owners[stream.component])
        wanted = build_deployment(source, may_run, hashes=wanted_hashes, settings=self._ingesters)
        deployment = await self._ensure(look, DEPLOYMENTS, wanted, live=live, component=stream.component)
        if deployment is not None and deployment is not live:
            self._store.put(DEPLOYMENTS, deployment)
            look.news += changes(live, wanted_hashes)
        return deployment

    async def _ensure(
        self, look: Look, api: Api, wanted: Manifest, *, live: Manifest | None, component: Component | None = None
    ) -> Manifest | None:
        """Make a child be as `wanted`, if it may be tried now. The child, if it is there."""
        name, namespace = wanted["metadata"]["name"], wanted["metadata"]["namespace"]
        path, stamp = api.path(namespace, name), _stamp(wanted, live)
        own = live if live is not None and is_controlled_by(live, look.source) else None
        if look.hold is not None:
            look.are_compared = False
            return own
        if waits := self._attempts.waits(path, stamp):
            look.are_compared = False
            look.refuse(waits, component)
            look.wait(self._attempts.due(path))
            return own
        try:
            async with look.step():
                outcome = await self._children.ensure(api, wanted, live=live, source=look.source)
        except KubeError as error:
            look.are_compared = False
            look.errors.append(error)
            refusal = refusal_of(error, doing=f"write the {api.kind} {name}")
            failures = self._attempts.fail(path, stamp, refusal, error)
            # What stands was made for this spec: a first failure, such as a conflict, is over in a moment.
            if failures > 1 or not look.is_applied:
                look.refuse(refusal, component)
            look.wait(self._attempts.due(path))
            return own
        self._attempts.forget(path)
        return look.note(outcome, component)

    async def _live_deployment(self, source: Source, name: str) -> Manifest | None:
        for child in self._store.children(DEPLOYMENTS, source_key(source)):
            if child["metadata"]["name"] == name:
                return child
        # None that bears our labels; one of that name may be a stranger's, or ours without its labels.
        return await self._kube.get(DEPLOYMENTS, source.metadata.namespace, name)

    async def _tidy(self, look: Look, streams: Sequence[StreamComponent]) -> None:
        """Remove children that are wanted no longer. Deployments are seen; a Secret is looked for once."""
        source = look.source
        namespace, generation = source.metadata.namespace, source.metadata.generation
        kept = {child_name(source.metadata.name, stream.component.part) for stream in streams}
        removed = True
        for child in self._store.children(DEPLOYMENTS, source_key(source)):
            if child["metadata"]["name"] not in kept and is_controlled_by(child, source):
                removed &= await self._remove(look, DEPLOYMENTS, child)
        if self._tidied.get(source.metadata.uid) == generation or not removed:
            return
        name = redis_secret_name(kind=type(source).__name__, resource=source.metadata.name)
        if redis_secret(source).name != name:
            try:
                async with look.step():
                    secret = await self._kube.get(SECRETS, namespace, name)
            except KubeError as error:
                look.errors.append(error)
                return
            if secret is not None and is_controlled_by(secret, source):
                removed = await self._remove(look, SECRETS, {**secret, "kind": SECRETS.kind})
        if removed:
            self._tidied[source.metadata.uid] = generation

    async def _remove(self, look: Look, api: Api, child: Manifest) -> bool:
        """Remove a child, if it may be tried now. Whether that is done with."""
        metadata = child["metadata"]
        path = api.path(metadata["namespace"], metadata["name"])
        if self._attempts.waits(path, metadata["uid"]):
            look.wait(self._attempts.due(path))
            return False
        try:
            async with look.step():
                tell = await self._children.remove(api, child)
        except KubeError as error:
            look.errors.append(error)
            refusal = refusal_of(error, doing=f"delete the {api.kind} {metadata['name']}")
            self._attempts.fail(path, metadata["uid"], refusal, error)
            look.wait(self._attempts.due(path))
            return False
        self._attempts.forget(path)
        if tell:
            look.news.append(tell)
        return True


def _stamp(wanted: Manifest, live: Manifest | None) -> str:
    """What tells whether something else is wanted now, or there."""
    generation = live["metadata"].get("generation", 0) if live else 0
    return f"{(wanted['metadata'].get('annotations') or {}).get(DESIRED_HASH_ANNOTATION, '')} {generation}"
