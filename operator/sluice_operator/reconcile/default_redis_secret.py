"""The Secret with the operator's default URL: one in each namespace, for all sources there that name no Secret.

Each of its first owners is a source that uses it. If all of them are deleted, the garbage collector deletes the Secret
as well, even if the operator does not run. The number of owners is limited, because the object would grow with the
number of sources. When an owner is deleted, the next source that is reconciled takes its place.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sluice_common.clock import Clock
from sluice_operator.api.source import Source
from sluice_operator.desired.child_metadata import is_shared, member_reference
from sluice_operator.desired.naming import DEFAULT_REDIS_SECRET
from sluice_operator.desired.redis_secret import build_default_redis_secret, uses_default_redis
from sluice_operator.kubernetes.api_resource import SECRETS, Manifest
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.kubernetes.object_poller import ObjectPoller
from sluice_operator.kubernetes.source_key import SourceKey
from sluice_operator.reconcile.keys import source_key
from sluice_operator.reconcile.source_memory import Retries, new_retries

MAX_OWNERS: Final = 10


@dataclass(slots=True)
class NamespaceSecret:
    """The Secret of one namespace: the attempts to write it."""

    clock: Clock
    retries: Retries
    owners: Sequence[Manifest] = ()
    """The owner references of the Secret as it was last seen."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def retry_now(self) -> None:
        """End all pauses, and forget that the Secret existed."""
        self.retries = new_retries(self.clock)


class DefaultRedisSecrets:
    """The Secrets of all namespaces."""

    def __init__(self, *, objects: ObjectPoller, cache: Cache, default_redis_url: str | None, clock: Clock) -> None:
        self._objects = objects
        self._cache = cache
        self._url = default_redis_url
        self._foreign: set[str] = set()
        self._clock = clock
        self._namespaces: dict[str, NamespaceSecret] = {}

    def of(self, namespace: str) -> NamespaceSecret:
        """The attempts to write the Secret of that namespace."""
        if namespace not in self._namespaces:
            self._namespaces[namespace] = NamespaceSecret(clock=self._clock, retries=new_retries(self._clock))
        return self._namespaces[namespace]

    async def read(self, source: Source) -> Manifest | None:
        """The Secret as it was read last, or None if there is none. Raises ApiError."""
        reader = self._objects.reader(source_key(source))
        found = await reader.get(SECRETS, source.metadata.namespace, DEFAULT_REDIS_SECRET)
        return None if found is None else {"apiVersion": SECRETS.api_version, "kind": SECRETS.kind, **found}

    def saw(self, namespace: str, live: Manifest | None) -> None:
        """Record whether the Secret of that name is somebody else's."""
        (self._foreign.add if live is not None and not is_shared(live) else self._foreign.discard)(namespace)

    def is_foreign_in(self, namespace: str) -> bool:
        """Whether the Secret of that name belongs to somebody else, so that no Deployment may reference it."""
        return namespace in self._foreign

    def desired(self, source: Source, live: Manifest | None) -> Manifest:
        """The Secret as it should be, now that `source` uses it."""
        namespace = source.metadata.namespace
        found = ((live or {}).get("metadata") or {}).get("ownerReferences") or []
        shared = self.of(namespace)
        if live is None and not any(self._uses_it(namespace, one) for one in shared.owners):
            shared.retry_now()  # the garbage collector has deleted it with its last owner
        owners = [_reference(one) for one in found if self._uses_it(namespace, one)][:MAX_OWNERS]
        if len(owners) < MAX_OWNERS and source.metadata.uid not in {one["uid"] for one in owners}:
            owners.append(member_reference(source))
        shared.owners = owners
        return build_default_redis_secret(namespace, url=self._url or "", owners=owners)

    def written(self, live: Manifest) -> None:
        """The Secret was written and is `live` now."""
        self._objects.put(SECRETS, live)

    def is_needed_in(self, namespace: str) -> bool:
        """Whether a source of that namespace uses it."""
        return any(map(uses_default_redis, self._cache.sources_in(namespace)))

    def _uses_it(self, namespace: str, owner: Manifest) -> bool:
        kind, name = owner.get("kind", ""), owner.get("name", "")
        found = self._cache.source(SourceKey(kind, namespace, name)) if self._cache.is_source_kind(kind) else None
        return found is not None and found["metadata"]["uid"] == owner.get("uid") and uses_default_redis(found)


def _reference(owner: dict[str, Any]) -> Manifest:
    return {name: owner[name] for name in ("apiVersion", "kind", "name", "uid")}
