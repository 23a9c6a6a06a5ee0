"""The step that finds out which source owns a cursor, when several would write the same one.

If a host has only one source, nothing is read. Otherwise the Redis URLs of the other sources are needed. Their
reconciles store these URLs here. A Secret is read only if its source was not reconciled since the operator started, or
if the source names another Secret now. So the result does not depend on the order of the reconciles.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sluice_common.clock import Clock
from sluice_operator.api.errors import InvalidResourceError
from sluice_operator.api.source import Source
from sluice_operator.desired.component import Component
from sluice_operator.desired.cursor_claim import CursorClaim, claim_rank, find_prior_owner
from sluice_operator.desired.deletion_plan import possible_keys
from sluice_operator.desired.naming import COMPONENT_LABEL, REDIS_HASH_ANNOTATION
from sluice_operator.desired.redis_host import redis_host_of
from sluice_operator.desired.redis_identity import RedisIdentity
from sluice_operator.desired.redis_secret import redis_secret, redis_url_hash
from sluice_operator.desired.stream import DesiredStream
from sluice_operator.kubernetes.api_resource import DEPLOYMENTS, Manifest
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.kubernetes.client import KubernetesClient
from sluice_operator.kubernetes.errors import ApiError
from sluice_operator.kubernetes.served_namespaces import ServedNamespaces
from sluice_operator.kubernetes.source_key import SourceKey, object_key
from sluice_operator.reconcile.api_errors import refusal_of
from sluice_operator.reconcile.keys import keys_of, source_key
from sluice_operator.reconcile.kinds import Kinds
from sluice_operator.reconcile.reconciliation import Reconciliation
from sluice_operator.reconcile.terminating_sources import KnownSource, TerminatingSources, without_status
from sluice_operator.redis.credentials import RedisCredentials, find_url
from sluice_redis.contract import StreamKeys
from sluice_redis.hosts import normalize_host


class CursorOwnership:
    """Finds the owners of cursors."""

    def __init__(
        self,
        *,
        client: KubernetesClient,
        cache: Cache,
        kinds: Kinds,
        namespaces: ServedNamespaces,
        default_redis_url: str | None,
        is_of_another_release: Callable[[str], bool] = lambda _: False,
        add: Callable[[SourceKey], None] = lambda _: None,
        clock: Clock,
    ) -> None:
        """- `is_of_another_release` returns whether another release serves a namespace, with its own default Redis.
        - `add` is called with each source that must be reconciled because the Redis of another one is known now.
        """
        self._add = add
        self._client = client
        self._cache = cache
        self._kinds = kinds
        self._namespaces = namespaces
        self._default_redis_url = default_redis_url
        self._is_of_another_release = is_of_another_release
        self._known: dict[str, KnownSource] = {}  # by uid
        self._credentials: dict[str, RedisCredentials] = {}  # by uid
        self._terminating = TerminatingSources(cache, clock)

    async def find_owners(self, run: Reconciliation) -> dict[Component, CursorClaim | None]:
        """By stream: the claim of the other source that owns its cursor, or None if the cursor is free.

        A stream whose owner is unknown now is missing.
        """
        owners: dict[Component, CursorClaim | None] = {}
        for stream in run.streams:
            try:
                async with run.api_timeout():
                    owners[stream.component] = await self.find_owner(run.source, stream)
            except ApiError as error:
                run.errors.append(error)
                run.add_refusal(refusal_of(error, action="find out whose cursor it is"), stream.component)
        return owners

    async def find_owner(
        self, source: Source, stream: DesiredStream, *, assume_same_redis: bool = False
    ) -> CursorClaim | None:
        """The claim of the other source that owns the cursor of `stream`; None if the cursor is free for `source`.

        With `assume_same_redis`, a Redis whose URL is unknown counts as that of `source`. Raises ApiError.
        """
        neighbours = self._neighbours(source)
        gone = [one for one in self._terminating.still_running() if source_key(one.source) != source_key(source)]
        if not neighbours and not gone:
            return None
        keys = keys_of(source, stream)
        others = [claim for found in neighbours if (claim := await self._competing_claim(found, keys, stream))]
        others += [
            _make_claim(one, _deleted_object_of(one.source), None)
            for one in gone
            if self._writes_keys(one.source, keys)
        ]
        if not others:
            return None
        own = await self._claim_of(_object_of(source), source, stream)
        return find_prior_owner(own, others, is_claimed=stream.enabled, assume_same_redis=assume_same_redis)

    def record(self, source: Source, url: bytes | None, *, ca_bundle: str = "") -> None:
        """Store how the Redis of `source` is reached. `url` is None if it has none."""
        uid = source.metadata.uid
        before = self._known.get(uid)
        if before is None or before.url != url:
            for neighbour in self._neighbours(source):
                self._add(object_key(neighbour))
        self._known[uid] = KnownSource(source=without_status(source), url=url)
        if url is not None:
            self._credentials[uid] = RedisCredentials(url=url, ca_bundle=ca_bundle)

    def last_credentials(self, source: Source) -> RedisCredentials | None:
        """How the Redis of `source` was reached when that was last known."""
        return self._credentials.get(source.metadata.uid)

    def drop_source(self, uid: str) -> None:
        """Drop a source that was deleted. It owns its cursors until its pods have ended."""
        if known := self._known.pop(uid, None):
            self._terminating.add(known)
        self._credentials.pop(uid, None)

    def _neighbours(self, source: Source) -> list[Manifest]:
        """The other sources with the same host."""
        return [
            found
            for found in self._cache.sources_by(redis_host_of, normalize_host(source.spec.host))
            if found["metadata"]["uid"] != source.metadata.uid
        ]

    async def _competing_claim(self, found: Manifest, keys: StreamKeys, stream: DesiredStream) -> CursorClaim | None:
        """The claim of the source `found` to `keys`, if it has one. It may be for another Redis."""
        kind = self._kinds[found["kind"]]
        try:
            other = kind.model.parse(found)
        except InvalidResourceError:
            # No child is written for it now, but a pod of its last valid spec may run.
            return self._claim_of_invalid(found, stream) if keys in possible_keys(found, kind.components) else None
        if redis_secret(other).owned and self._is_of_another_release(other.metadata.namespace):
            return None
        return await self._claim_of(found, other, stream) if self._writes_keys(other, keys) else None

    def _claim_of_invalid(self, found: Manifest, stream: DesiredStream) -> CursorClaim:
        return CursorClaim(
            name=str(object_key(found)),
            rank=claim_rank(found),
            redis=None,
            url_hash=self._running_url_hash(found, stream),
            is_terminating="deletionTimestamp" in found["metadata"],
            is_unobserved=self._is_unobserved(found),
        )

    async def _claim_of(self, found: Manifest, source: Source, stream: DesiredStream) -> CursorClaim:
        known = self._known.get(source.metadata.uid)
        if known is None or redis_secret(known.source) != redis_secret(source):
            url, _ = await find_url(self._client, source, default_url=self._default_redis_url)
            self.record(source, url)
        claim = _make_claim(self._known[source.metadata.uid], found, self._running_url_hash(found, stream))
        return replace(claim, is_unobserved=self._is_unobserved(found))

    def _is_unobserved(self, found: Manifest) -> bool:
        return not self._namespaces.serves(found["metadata"]["namespace"])

    def _running_url_hash(self, found: Manifest, stream: DesiredStream) -> str | None:
        """The hash of the URL that the pods of the stream run with. Their Secret may have been deleted since."""
        for child in self._cache.children(DEPLOYMENTS, object_key(found)):
            template = child.get("spec", {}).get("template", {}).get("metadata", {})
            if (template.get("labels") or {}).get(COMPONENT_LABEL) == stream.component.name:
                return (template.get("annotations") or {}).get(REDIS_HASH_ANNOTATION)
        return None

    def _writes_keys(self, source: Source, keys: StreamKeys) -> bool:
        streams = self._kinds[type(source).__name__].desired_streams(source)
        return any(stream.enabled and keys_of(source, stream) == keys for stream in streams)


def _make_claim(known: KnownSource, body: Mapping[str, Any], running_url_hash: str | None) -> CursorClaim:
    """The claim of the source with that `body`."""
    url = known.url
    return CursorClaim(
        name=str(object_key(body)),
        rank=claim_rank(body),
        redis=None if url is None else RedisIdentity.from_url(url, namespace=known.source.metadata.namespace),
        url_hash=running_url_hash if url is None else redis_url_hash(url),
        is_terminating="deletionTimestamp" in body["metadata"],
    )


def _object_of(source: Source) -> Manifest:
    """The parts of the object of `source` that a claim needs. The cache may no longer have it."""
    return {"kind": type(source).__name__, "metadata": source.metadata.dump()}


def _deleted_object_of(source: Source) -> Manifest:
    return {**_object_of(source), "metadata": {**source.metadata.dump(), "deletionTimestamp": ""}}
