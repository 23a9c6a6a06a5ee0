"""The Secret with the operator's default URL: one in each namespace, for all sources there that name no Secret.

Each of its first owners is a source that uses it. If all of them are deleted, the garbage collector deletes the Secret
as well, even if the operator does not run. The number of owners is limited, because the object would grow with the
number of sources. When an owner is deleted, the next source that is reconciled takes its place.
"""

from collections.abc import Sequence
from typing import Any, Final

from sluice_common.clock import Clock
from sluice_operator.api.source import Source
from sluice_operator.desired.child_metadata import is_shared, member_reference
from sluice_operator.desired.naming import DEFAULT_REDIS_SECRET
from sluice_operator.desired.redis_secret import build_default_redis_secret, uses_default_redis
from sluice_operator.kubernetes.api_resource import SECRETS, Manifest
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.kubernetes.errors import ApiError
from sluice_operator.kubernetes.object_poller import ObjectPoller
from sluice_operator.kubernetes.source_key import SourceKey
from sluice_operator.reconcile.api_errors import refusal_of
from sluice_operator.reconcile.child_writer import ChildWriter, WrittenChild
from sluice_operator.reconcile.keys import source_key
from sluice_operator.reconcile.reconciliation import Reconciliation
from sluice_operator.reconcile.shared_children import SharedChild, SharedChildren

MAX_OWNERS: Final = 10


class DefaultRedisSecrets:
    """The Secrets of all namespaces."""

    def __init__(
        self,
        *,
        objects: ObjectPoller,
        cache: Cache,
        writer: ChildWriter,
        default_redis_url: str | None,
        clock: Clock,
    ) -> None:
        self._objects = objects
        self._writer = writer
        self._cache = cache
        self._url = default_redis_url
        self._shared = SharedChildren(clock)
        self._owners: dict[str, Sequence[Manifest]] = {}
        """By namespace: the owner references of the Secret as it was last seen."""
        self._foreign: set[str] = set()

    async def ensure(self, run: Reconciliation) -> WrittenChild:
        """Make the Secret be as desired, in the namespace of a source that uses it."""
        source, namespace = run.source, run.source.metadata.namespace
        shared = self._shared.get(namespace)
        if run.is_requested:
            shared.retry_now()
        async with shared.lock:  # several sources of a namespace are reconciled at the same time
            try:
                live = await self._read(source)
            except ApiError as error:
                run.errors.append(error)
                if not run.is_applied:
                    run.add_refusal(refusal_of(error, action=f"show the Secret {DEFAULT_REDIS_SECRET}"))
                return WrittenChild(live=None, is_compared=False)
            is_foreign = live is not None and not is_shared(live)
            (self._foreign.add if is_foreign else self._foreign.discard)(namespace)
            desired = self._desired(source, live, shared)
            written = await self._writer.ensure(run, SECRETS, desired, live=live, retries=shared.retries)
            if written.live is not None and written.live is not live:
                self._objects.put(SECRETS, written.live)
            return written

    def is_foreign_in(self, namespace: str) -> bool:
        """Whether the Secret of that name belongs to somebody else, so that no Deployment may reference it."""
        return namespace in self._foreign

    def is_needed_in(self, namespace: str) -> bool:
        """Whether a source of that namespace uses it."""
        return any(map(uses_default_redis, self._cache.sources_in(namespace)))

    async def _read(self, source: Source) -> Manifest | None:
        """The Secret as it was read last, or None if there is none. Raises ApiError."""
        reader = self._objects.reader(source_key(source))
        found = await reader.get(SECRETS, source.metadata.namespace, DEFAULT_REDIS_SECRET)
        return None if found is None else {"apiVersion": SECRETS.api_version, "kind": SECRETS.kind, **found}

    def _desired(self, source: Source, live: Manifest | None, shared: SharedChild) -> Manifest:
        """The Secret as it should be, now that `source` uses it."""
        namespace = source.metadata.namespace
        found = ((live or {}).get("metadata") or {}).get("ownerReferences") or []
        if live is None and not any(self._uses_it(namespace, one) for one in self._owners.get(namespace, ())):
            shared.retry_now()  # the garbage collector has deleted it with its last owner
        owners = [_reference(one) for one in found if self._uses_it(namespace, one)][:MAX_OWNERS]
        if len(owners) < MAX_OWNERS and source.metadata.uid not in {one["uid"] for one in owners}:
            owners.append(member_reference(source))
        self._owners[namespace] = owners
        return build_default_redis_secret(namespace, url=self._url or "", owners=owners)

    def _uses_it(self, namespace: str, owner: Manifest) -> bool:
        kind, name = owner.get("kind", ""), owner.get("name", "")
        found = self._cache.source(SourceKey(kind, namespace, name)) if self._cache.is_source_kind(kind) else None
        return found is not None and found["metadata"]["uid"] == owner.get("uid") and uses_default_redis(found)


def _reference(owner: dict[str, Any]) -> Manifest:
    return {name: owner[name] for name in ("apiVersion", "kind", "name", "uid")}
