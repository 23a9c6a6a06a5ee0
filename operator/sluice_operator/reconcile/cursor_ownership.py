"""Who else would write a source's cursor: read from the store, and from Secrets only where hosts are shared.

Nearly always nobody has the same host, and then nothing is asked. Else what the looks at the others have found
is remembered; only after a start of the operator, or when another Secret was named, one is read here. So the
answer is right from the first look on, in whatever order resources are looked at.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sluice_operator.api.errors import InvalidResourceError
from sluice_operator.api.source import Source
from sluice_operator.desired.cursor_claim import CursorClaim, claim_rank, find_prior_owner
from sluice_operator.desired.deletion_plan import possible_keys, stream_keys
from sluice_operator.desired.naming import COMPONENT_LABEL, REDIS_HASH_ANNOTATION
from sluice_operator.desired.redis_identity import RedisIdentity
from sluice_operator.desired.redis_secret import key_prefix, redis_secret, redis_url_hash
from sluice_operator.desired.stream import DesiredStream
from sluice_operator.kinds.registry import KINDS
from sluice_operator.kinds.source_key import object_key, source_key
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.kubernetes.client import DEPLOYMENTS, KubernetesClient, Manifest
from sluice_operator.kubernetes.served_namespaces import ServedNamespaces
from sluice_operator.reconcile.terminating_sources import KnownSource, TerminatingSources
from sluice_operator.redis.credentials import RedisCredentials, find_url
from sluice_redis.contract import StreamKeys
from sluice_redis.hosts import normalize_host


class CursorOwnership:
    """Tells to whom cursors belong."""

    def __init__(
        self,
        *,
        client: KubernetesClient,
        cache: Cache,
        namespaces: ServedNamespaces,
        default_redis_url: str | None,
        is_of_another_release: Callable[[str], bool] = lambda _: False,
    ) -> None:
        """`is_of_another` tells of a namespace whether another release serves it, with a default Redis of its own."""
        self._is_of_another_release = is_of_another_release
        self._client = client
        self._cache = cache
        self._namespaces = namespaces
        self._default_redis_url = default_redis_url
        self._known: dict[str, KnownSource] = {}  # by uid
        self._credentials: dict[str, RedisCredentials] = {}
        self._terminating = TerminatingSources(cache)

    def record(self, source: Source, url: bytes | None, *, ca_bundle: str = "") -> None:
        """Remember what a look at `source` has found."""
        uid = source.metadata.uid
        self._known[uid] = KnownSource(source=source, url=url)
        if url is not None:
            self._credentials[uid] = RedisCredentials(url=url, ca_bundle=ca_bundle)

    def last_credentials(self, source: Source) -> RedisCredentials | None:
        """How the Redis of `source` was reached when that was last known, if it ever was."""
        return self._credentials.get(source.metadata.uid)

    def drop_source(self, uid: str) -> None:
        """The source is gone."""
        if found := self._known.pop(uid, None):
            self._terminating.add(found)
        self._credentials.pop(uid, None)

    async def owner(
        self, source: Source, stream: DesiredStream, *, assume_same_redis: bool = False
    ) -> CursorClaim | None:
        """The claim of the source to which the cursor of that stream of `source` belongs; None if it is its own.

        `in_doubt` is what an unknown Redis counts as: see `claim.owner_of`. Raises KubeError.
        """
        neighbours = [
            found
            for found in self._cache.sources_with_host(normalize_host(source.spec.host))
            if found["metadata"]["uid"] != source.metadata.uid
        ]
        gone = [found for found in self._terminating.still_running() if source_key(found.source) != source_key(source)]
        if not neighbours and not gone:
            return None
        wanted = keys_of(source, stream)
        others = [claim for found in neighbours if (claim := await self._competing_claim(found, wanted, stream))]
        others += [
            _make_claim(found, _deleted_object_of(found.source), None)
            for found in gone
            if _writes_keys(found.source, wanted)
        ]
        if not others:
            return None
        own = await self._claim_of(_object_of(source), source, stream)
        return find_prior_owner(own, others, is_claimed=stream.enabled, assume_same_redis=assume_same_redis)

    async def _competing_claim(self, found: Manifest, keys: StreamKeys, stream: DesiredStream) -> CursorClaim | None:
        """The claim of the source `found` to the keys `wanted`, if it makes one. Whether in the same Redis is open."""
        try:
            other = KINDS[found["kind"]].parse(found)
        except InvalidResourceError:
            # Nothing is made for it now, but what was made before may run on.
            return (
                self._claim_of_invalid(found, stream)
                if keys in possible_keys(found, KINDS[found["kind"]].components)
                else None
            )
        if redis_secret(other).owned and self._is_of_another_release(other.metadata.namespace):
            return None
        return await self._claim_of(found, other, stream) if _writes_keys(other, keys) else None

    def _claim_of_invalid(self, found: Manifest, stream: DesiredStream) -> CursorClaim:
        return CursorClaim(
            name=str(object_key(found)),
            rank=claim_rank(found),
            redis=None,
            url_hash=self._running_redis_hash(found, stream),
            is_terminating="deletionTimestamp" in found["metadata"],
            is_unobserved=self._is_unwatched(found),
        )

    async def _claim_of(self, found: Manifest, source: Source, stream: DesiredStream) -> CursorClaim:
        known = self._known.get(source.metadata.uid)
        if known is None or redis_secret(known.source) != redis_secret(source):
            self.record(source, (await find_url(self._client, source, default_url=self._default_redis_url))[0])
        claim = _make_claim(self._known[source.metadata.uid], found, self._running_redis_hash(found, stream))
        return replace(claim, is_unobserved=self._is_unwatched(found))

    def _is_unwatched(self, found: Manifest) -> bool:
        return not self._namespaces.serves(found["metadata"]["namespace"])

    def _running_redis_hash(self, found: Manifest, stream: DesiredStream) -> str | None:
        """The hash of the URL that the stream's pods were started with: its Secret may be gone, and they run on."""
        for child in self._cache.children(DEPLOYMENTS, object_key(found)):
            template = child.get("spec", {}).get("template", {}).get("metadata", {})
            if (template.get("labels") or {}).get(COMPONENT_LABEL) == stream.component.name:
                return (template.get("annotations") or {}).get(REDIS_HASH_ANNOTATION)
        return None


def _make_claim(found: KnownSource, body: Mapping[str, Any], running: str | None) -> CursorClaim:
    """The claim of the source of that `body`; `running` is the hash of the URL that its pods were started with."""
    url = found.url
    return CursorClaim(
        name=str(object_key(body)),
        rank=claim_rank(body),
        redis=None if url is None else RedisIdentity.from_url(url, namespace=found.source.metadata.namespace),
        url_hash=running if url is None else redis_url_hash(url),
        is_terminating="deletionTimestamp" in body["metadata"],
    )


def _object_of(source: Source) -> Manifest:
    """The object of a source, as far as a claim needs it: the store may have dropped it by now."""
    return {"kind": type(source).__name__, "metadata": source.metadata.dump()}


def _deleted_object_of(source: Source) -> Manifest:
    return {**_object_of(source), "metadata": {**source.metadata.dump(), "deletionTimestamp": ""}}


def _writes_keys(source: Source, keys: StreamKeys) -> bool:
    return any(
        stream.enabled and keys_of(source, stream) == keys for stream in KINDS.of(source).desired_streams(source)
    )


def keys_of(source: Source, stream: DesiredStream) -> StreamKeys:
    """The keys of that stream of `source` in Redis."""
    return stream_keys(stream.stream, address=source.spec.host, prefix=key_prefix(source))
