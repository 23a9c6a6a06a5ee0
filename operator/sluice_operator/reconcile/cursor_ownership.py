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
from sluice_operator.desired.cursor_claim import Claim, owner_of, rank_of
from sluice_operator.desired.deletion_plan import keys_by_hand, stream_keys
from sluice_operator.desired.naming import COMPONENT_LABEL, REDIS_HASH_ANNOTATION
from sluice_operator.desired.redis_identity import Place
from sluice_operator.desired.redis_secret import key_prefix, redis_hash, redis_secret
from sluice_operator.desired.stream import StreamComponent
from sluice_operator.desired.streams import streams_of
from sluice_operator.kinds.registry import MODELS, key_of, source_key
from sluice_operator.kubernetes.cache import Store
from sluice_operator.kubernetes.client import DEPLOYMENTS, Kube, Manifest
from sluice_operator.kubernetes.served_namespaces import Namespaces
from sluice_operator.reconcile.terminating_sources import Found, Remains
from sluice_operator.redis.credentials import Reach, find_url
from sluice_redis.contract import StreamKeys
from sluice_redis.hosts import host_of


class Claims:
    """Tells to whom cursors belong."""

    def __init__(
        self,
        *,
        kube: Kube,
        store: Store,
        namespaces: Namespaces,
        default_url: str | None,
        is_of_another: Callable[[str], bool] = lambda _: False,
    ) -> None:
        """`is_of_another` tells of a namespace whether another release serves it, with a default Redis of its own."""
        self._is_of_another = is_of_another
        self._kube = kube
        self._store = store
        self._namespaces = namespaces
        self._default = default_url
        self._found: dict[str, Found] = {}  # by uid
        self._reached: dict[str, Reach] = {}
        self._remains = Remains(store)

    def note(self, source: Source, url: bytes | None, *, authorities: str = "") -> None:
        """Remember what a look at `source` has found."""
        uid = source.metadata.uid
        self._found[uid] = Found(source=source, url=url)
        if url is not None:
            self._reached[uid] = Reach(url=url, authorities=authorities)

    def last_reach(self, source: Source) -> Reach | None:
        """How the Redis of `source` was reached when that was last known, if it ever was."""
        return self._reached.get(source.metadata.uid)

    def forget(self, uid: str) -> None:
        """The source is gone."""
        if found := self._found.pop(uid, None):
            self._remains.add(found)
        self._reached.pop(uid, None)

    async def owner(self, source: Source, stream: StreamComponent, *, in_doubt: bool = False) -> Claim | None:
        """The claim of the source to which the cursor of that stream of `source` belongs; None if it is its own.

        `in_doubt` is what an unknown Redis counts as: see `claim.owner_of`. Raises KubeError.
        """
        neighbours = [
            found
            for found in self._store.sources_at(host_of(source.spec.host))
            if found["metadata"]["uid"] != source.metadata.uid
        ]
        gone = [found for found in self._remains.running() if source_key(found.source) != source_key(source)]
        if not neighbours and not gone:
            return None
        wanted = keys_of(source, stream)
        others = [claim for found in neighbours if (claim := await self._rival(found, wanted, stream))]
        others += [_claim(found, _gone(found.source), None) for found in gone if _writes(found.source, wanted)]
        if not others:
            return None
        own = await self._claim(_body(source), source, stream)
        return owner_of(own, others, claims=stream.enabled, in_doubt=in_doubt)

    async def _rival(self, found: Manifest, wanted: StreamKeys, stream: StreamComponent) -> Claim | None:
        """The claim of the source `found` to the keys `wanted`, if it makes one. Whether in the same Redis is open."""
        try:
            other = MODELS[found["kind"]].parse(found)
        except InvalidResourceError:
            # Nothing is made for it now, but what was made before may run on.
            return self._unread(found, stream) if wanted in keys_by_hand(found) else None
        if redis_secret(other).owned and self._is_of_another(other.metadata.namespace):
            return None
        return await self._claim(found, other, stream) if _writes(other, wanted) else None

    def _unread(self, found: Manifest, stream: StreamComponent) -> Claim:
        return Claim(
            name=str(key_of(found)),
            rank=rank_of(found),
            place=None,
            digest=self._running(found, stream),
            leaves="deletionTimestamp" in found["metadata"],
            unseen=self._is_unseen(found),
        )

    async def _claim(self, found: Manifest, source: Source, stream: StreamComponent) -> Claim:
        known = self._found.get(source.metadata.uid)
        if known is None or redis_secret(known.source) != redis_secret(source):
            self.note(source, (await find_url(self._kube, source, default=self._default))[0])
        claim = _claim(self._found[source.metadata.uid], found, self._running(found, stream))
        return replace(claim, unseen=self._is_unseen(found))

    def _is_unseen(self, found: Manifest) -> bool:
        return not self._namespaces.serves(found["metadata"]["namespace"])

    def _running(self, found: Manifest, stream: StreamComponent) -> str | None:
        """The hash of the URL that the stream's pods were started with: its Secret may be gone, and they run on."""
        for child in self._store.children(DEPLOYMENTS, key_of(found)):
            template = child.get("spec", {}).get("template", {}).get("metadata", {})
            if (template.get("labels") or {}).get(COMPONENT_LABEL) == stream.component:
                return (template.get("annotations") or {}).get(REDIS_HASH_ANNOTATION)
        return None


def _claim(found: Found, body: Mapping[str, Any], running: str | None) -> Claim:
    """The claim of the source of that `body`; `running` is the hash of the URL that its pods were started with."""
    url = found.url
    return Claim(
        name=str(key_of(body)),
        rank=rank_of(body),
        place=None if url is None else Place.of(url, namespace=found.source.metadata.namespace),
        digest=running if url is None else redis_hash(url),
        leaves="deletionTimestamp" in body["metadata"],
    )


def _body(source: Source) -> Manifest:
    """The object of a source, as far as a claim needs it: the store may have dropped it by now."""
    return {"kind": type(source).__name__, "metadata": source.metadata.dump()}


def _gone(source: Source) -> Manifest:
    return {**_body(source), "metadata": {**source.metadata.dump(), "deletionTimestamp": ""}}


def _writes(source: Source, wanted: StreamKeys) -> bool:
    return any(stream.enabled and keys_of(source, stream) == wanted for stream in streams_of(source))


def keys_of(source: Source, stream: StreamComponent) -> StreamKeys:
    """The keys of that stream of `source` in Redis."""
    return stream_keys(stream.stream, address=source.spec.host, prefix=key_prefix(source))
