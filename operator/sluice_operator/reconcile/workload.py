"""What a source needs to be streamed, brought about: its Secret and its Deployments, and what is left over
removed. And what is seen on the way, as facts.

Each step may fail without ending the look: what the API server refuses or can't do is a fact like others, and what can
be seen is seen all the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sluice_operator.api.source import Source
from sluice_operator.desired.child_metadata import is_controlled_by
from sluice_operator.desired.component import Component
from sluice_operator.desired.deployment import build_deployment
from sluice_operator.desired.ingester_defaults import IngesterDefaults
from sluice_operator.desired.naming import (
    CA_HASH_ANNOTATION,
    DESIRED_HASH_ANNOTATION,
    REDIS_HASH_ANNOTATION,
    REDIS_TLS_HASH_ANNOTATION,
    child_name,
    redis_secret_name,
)
from sluice_operator.desired.reconcile_request import is_pending
from sluice_operator.desired.redis_secret import RedisSecret, build_redis_secret, key_prefix, redis_secret
from sluice_operator.desired.stream import DesiredStream
from sluice_operator.kinds.registry import KINDS
from sluice_operator.kinds.source_key import SourceKey, source_key
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.kubernetes.client import DEPLOYMENTS, SECRETS, ApiError, ApiResource, KubernetesClient, Manifest
from sluice_operator.observed.ca_bundle import ca_certificates_hash
from sluice_operator.observed.facts import Facts, Refusal, SecretFacts
from sluice_operator.observed.redis_secrets import redis_url
from sluice_operator.reconcile.api_errors import refusal_of
from sluice_operator.reconcile.child_applier import ChildApplier
from sluice_operator.reconcile.config_hashes import change_events, desired_hashes
from sluice_operator.reconcile.cursor_ownership import CursorOwnership
from sluice_operator.reconcile.observer import Observer
from sluice_operator.reconcile.reconciliation import Reconciliation
from sluice_operator.reconcile.retry_backoff import RetryBackoff
from sluice_operator.redis.credentials import find_ca_bundle, find_secret
from sluice_operator.redis.stream_reader import RedisReader
from sluice_operator.redis.tls_files import RedisTlsFiles
from sluice_operator.status.transitions import Event

_NO_REDIS_MESSAGE = (
    "There is no Redis to write to: name a Secret with its URL in spec.redis.secretRef, or give the operator a "
    "default (SLUICE_DEFAULT_REDIS_URL)"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class EnsureResult:
    """What one look has come to."""

    streams: list[Facts]
    errors: list[ApiError]
    """What the API server could not do at this look."""
    retry_in: float | None
    """In how many seconds something is to be tried again that failed before; None if nothing is."""


class Workload:
    """Brings about what sources need."""

    def __init__(
        self,
        *,
        client: KubernetesClient,
        cache: Cache,
        reader: RedisReader,
        ownership: CursorOwnership,
        tls_files: RedisTlsFiles,
        ingesters: IngesterDefaults,
    ) -> None:
        self._client = client
        self._cache = cache
        self._applier = ChildApplier(client)
        self._backoff = RetryBackoff()
        self._reader = reader
        self._ownership = ownership
        self._tls_files = tls_files
        self._observer = Observer(client=client, cache=cache, reader=reader)
        self._ingesters = ingesters
        self._cleaned_generations: dict[str, int] = {}

    async def ensure(self, source: Source, events: list[Event], *, blocked_by: Refusal | None = None) -> EnsureResult:
        """Bring about what `source` needs, and say what is there, for each of its streams. What was done
        goes to `news`. With `hold` no child is written, for that reason.
        """
        look, streams = (
            Reconciliation(source=source, events=events, blocked_by=blocked_by),
            KINDS.of(source).desired_streams(source),
        )
        await self._read_redis_credentials(look)
        if look.operator_url is not None and is_pending(source.metadata.annotations, source.status):
            self._reader.retry_now(look.operator_url, ca_bundle=look.ca_bundle)
        if not look.secret.unread:
            self._ownership.record(source, look.url, ca_bundle=look.ca_bundle)
        for stream in streams:
            await self._find_owner(look, stream)
        deployments = [await self._ensure_deployment(look, stream) for stream in streams]
        if blocked_by is None:
            await self._delete_unwanted(look, streams)
        facts = [await self._observer.observe(look, *one) for one in zip(streams, deployments, strict=True)]
        return EnsureResult(streams=facts, errors=look.errors, retry_in=look.retry_in)

    def drop_source(self, key: SourceKey, uid: str) -> None:
        """The source of that key is gone, and its children go with it."""
        self._ownership.drop_source(uid)
        self._tls_files.drop_source(uid)
        self._observer.drop_source(uid)
        self.retry_now(key, uid)

    def retry_now(self, key: SourceKey, uid: str) -> None:
        """Forget what was refused, contested or done for the source of that key, so that it is tried at once."""
        self._cleaned_generations.pop(uid, None)
        self._observer.report_again(uid)
        secret = redis_secret_name(kind=key.kind, resource=key.name)
        names = [(DEPLOYMENTS, child_name(key.name, component.field)) for component in KINDS[key.kind].components]
        for api, name in [(SECRETS, secret), *names]:
            self._applier.drop(api, key.namespace, name)
            self._backoff.reset(api.path(key.namespace, name))

    async def _read_redis_credentials(self, reconciliation: Reconciliation) -> None:
        wanted = redis_secret(reconciliation.source)
        default = self._ingesters.default_redis_url
        if wanted.owned and default is None:
            reconciliation.secret = SecretFacts(problem=_NO_REDIS_MESSAGE)
            return
        try:
            async with reconciliation.api_timeout():
                secret, refusal = await find_secret(self._client, reconciliation.source)
        except ApiError as error:
            reconciliation.errors.append(error)
            self._use_last_url(reconciliation, wanted, error)
        else:
            if refusal:
                reconciliation.secret = SecretFacts(problem=f"The {refusal}")
                return
            if wanted.owned and default is not None:
                manifest = build_redis_secret(reconciliation.source, url=default)
                await self._ensure_child(reconciliation, SECRETS, manifest, live=secret)
                secret = manifest
            reconciliation.url, reconciliation.secret = redis_url(
                secret, wanted, key_prefix=key_prefix(reconciliation.source)
            )
        await self._read_tls_files(reconciliation)

    def _use_last_url(self, reconciliation: Reconciliation, secret: RedisSecret, error: ApiError) -> None:
        """Go on with the URL that was read last: the Secret can't be read now."""
        default, known = self._ingesters.default_redis_url, self._ownership.last_credentials(reconciliation.source)
        if secret.owned and default is not None:
            reconciliation.url = default.encode()
        elif known is not None:
            reconciliation.url = known.url
        refusal = refusal_of(error, action=f"show the Secret {secret.name}")
        reconciliation.secret = SecretFacts(unread=refusal.message)
        if not reconciliation.is_applied:
            reconciliation.add_refusal(refusal)

    async def _read_tls_files(self, reconciliation: Reconciliation) -> None:
        """Find what a client of the Redis needs beside its URL."""
        digest: str | None = None
        try:
            async with reconciliation.api_timeout():
                reconciliation.ca_bundle = await find_ca_bundle(self._client, reconciliation.source)
        except ApiError as error:
            reconciliation.errors.append(error)
            known = self._ownership.last_credentials(reconciliation.source)
            reconciliation.ca_bundle = known.ca_bundle if known else ""
        else:
            digest = ca_certificates_hash(reconciliation.ca_bundle) if reconciliation.ca_bundle else None
        if reconciliation.url is not None:
            local = await self._tls_files.localize(reconciliation.source, reconciliation.url)
            reconciliation.operator_url = local.url
            reconciliation.hashes[REDIS_TLS_HASH_ANNOTATION] = local.digest
            reconciliation.errors += local.errors
        reconciliation.hashes |= {REDIS_HASH_ANNOTATION: reconciliation.secret.digest, CA_HASH_ANNOTATION: digest}

    async def _find_owner(self, reconciliation: Reconciliation, stream: DesiredStream) -> None:
        try:
            async with reconciliation.api_timeout():
                reconciliation.owners[stream.component] = await self._ownership.owner(reconciliation.source, stream)
        except ApiError as error:
            reconciliation.errors.append(error)
            reconciliation.add_refusal(refusal_of(error, action="tell whose cursor it is"), stream.component)

    async def _ensure_deployment(self, reconciliation: Reconciliation, stream: DesiredStream) -> Manifest | None:
        source, name = reconciliation.source, child_name(reconciliation.source.metadata.name, stream.component.field)
        try:
            async with reconciliation.api_timeout():
                live = await self._live_deployment(source, name)
        except ApiError as error:
            reconciliation.all_compared = False
            reconciliation.errors.append(error)
            reconciliation.add_refusal(refusal_of(error, action=f"show the Deployment {name}"), stream.component)
            return None
        own = live if live is not None and is_controlled_by(live, source) else None
        wanted_hashes = desired_hashes(live, found=reconciliation.hashes, source=source)
        if REDIS_HASH_ANNOTATION not in wanted_hashes or stream.component not in reconciliation.owners:
            # A pod without a URL could only fail, and one beside another's would only hinder that.
            reconciliation.all_compared = False
            return own
        may_run = replace(stream, enabled=stream.enabled and not reconciliation.owners[stream.component])
        wanted = build_deployment(source, may_run, config_hashes=wanted_hashes, defaults=self._ingesters)
        deployment = await self._ensure_child(
            reconciliation, DEPLOYMENTS, wanted, live=live, component=stream.component
        )
        if deployment is not None and deployment is not live:
            self._cache.put(DEPLOYMENTS, deployment)
            reconciliation.events += change_events(live, wanted_hashes)
        return deployment

    async def _ensure_child(
        self,
        reconciliation: Reconciliation,
        api: ApiResource,
        desired: Manifest,
        *,
        live: Manifest | None,
        component: Component | None = None,
    ) -> Manifest | None:
        """Make a child be as `wanted`, if it may be tried now. The child, if it is there."""
        name, namespace = desired["metadata"]["name"], desired["metadata"]["namespace"]
        path, stamp = api.path(namespace, name), _fingerprint(desired, live)
        own = live if live is not None and is_controlled_by(live, reconciliation.source) else None
        if reconciliation.blocked_by is not None:
            reconciliation.all_compared = False
            return own
        if waits := self._backoff.in_backoff(path, stamp):
            reconciliation.all_compared = False
            reconciliation.add_refusal(waits, component)
            reconciliation.retry_within(self._backoff.seconds_left(path))
            return own
        try:
            async with reconciliation.api_timeout():
                outcome = await self._applier.ensure(api, desired, live=live, source=reconciliation.source)
        except ApiError as error:
            reconciliation.all_compared = False
            reconciliation.errors.append(error)
            refusal = refusal_of(error, action=f"write the {api.kind} {name}")
            failures = self._backoff.record_failure(path, stamp, refusal, error)
            # What stands was made for this spec: a first failure, such as a conflict, is over in a moment.
            if failures > 1 or not reconciliation.is_applied:
                reconciliation.add_refusal(refusal, component)
            reconciliation.retry_within(self._backoff.seconds_left(path))
            return own
        self._backoff.reset(path)
        return reconciliation.add_result(outcome, component)

    async def _live_deployment(self, source: Source, name: str) -> Manifest | None:
        for child in self._cache.children(DEPLOYMENTS, source_key(source)):
            if child["metadata"]["name"] == name:
                return child
        # None that bears our labels; one of that name may be a stranger's, or ours without its labels.
        return await self._client.get(DEPLOYMENTS, source.metadata.namespace, name)

    async def _delete_unwanted(self, reconciliation: Reconciliation, streams: Sequence[DesiredStream]) -> None:
        """Remove children that are wanted no longer. Deployments are seen; a Secret is looked for once."""
        source = reconciliation.source
        namespace, generation = source.metadata.namespace, source.metadata.generation
        kept = {child_name(source.metadata.name, stream.component.field) for stream in streams}
        removed = True
        for child in self._cache.children(DEPLOYMENTS, source_key(source)):
            if child["metadata"]["name"] not in kept and is_controlled_by(child, source):
                removed &= await self._delete(reconciliation, DEPLOYMENTS, child)
        if self._cleaned_generations.get(source.metadata.uid) == generation or not removed:
            return
        name = redis_secret_name(kind=type(source).__name__, resource=source.metadata.name)
        if redis_secret(source).name != name:
            try:
                async with reconciliation.api_timeout():
                    secret = await self._client.get(SECRETS, namespace, name)
            except ApiError as error:
                reconciliation.errors.append(error)
                return
            if secret is not None and is_controlled_by(secret, source):
                removed = await self._delete(reconciliation, SECRETS, {**secret, "kind": SECRETS.kind})
        if removed:
            self._cleaned_generations[source.metadata.uid] = generation

    async def _delete(self, reconciliation: Reconciliation, api: ApiResource, child: Manifest) -> bool:
        """Remove a child, if it may be tried now. Whether that is done with."""
        metadata = child["metadata"]
        path = api.path(metadata["namespace"], metadata["name"])
        if self._backoff.in_backoff(path, metadata["uid"]):
            reconciliation.retry_within(self._backoff.seconds_left(path))
            return False
        try:
            async with reconciliation.api_timeout():
                tell = await self._applier.delete(api, child)
        except ApiError as error:
            reconciliation.errors.append(error)
            refusal = refusal_of(error, action=f"delete the {api.kind} {metadata['name']}")
            self._backoff.record_failure(path, metadata["uid"], refusal, error)
            reconciliation.retry_within(self._backoff.seconds_left(path))
            return False
        self._backoff.reset(path)
        if tell:
            reconciliation.events.append(tell)
        return True


def _fingerprint(desired: Manifest, live: Manifest | None) -> str:
    """What tells whether something else is wanted now, or there."""
    generation = live["metadata"].get("generation", 0) if live else 0
    return f"{(desired['metadata'].get('annotations') or {}).get(DESIRED_HASH_ANNOTATION, '')} {generation}"
