"""Finds out whether a source that has left a shared Deployment still runs there."""

from collections.abc import Callable

from sluice_operator.desired.child_metadata import is_shared
from sluice_operator.desired.deletion_plan import may_run_ingester
from sluice_operator.desired.pools import PoolKey, pool_sharers
from sluice_operator.kubernetes.api_resource import DEPLOYMENTS
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.kubernetes.client import KubernetesClient
from sluice_operator.kubernetes.source_key import SourceKey
from sluice_operator.reconcile.keys import source_key
from sluice_operator.reconcile.pool_members import PoolMembers
from sluice_operator.reconcile.source_lists import SourceLists


class PoolLeaving:
    """The ends of sources in shared Deployments."""

    def __init__(
        self,
        *,
        client: KubernetesClient,
        cache: Cache,
        members: PoolMembers,
        lists: SourceLists,
        add: Callable[[SourceKey], None],
    ) -> None:
        """`add` is called with sources of the Deployment, whose reconcile writes its source list."""
        self._client = client
        self._cache = cache
        self._members = members
        self._lists = lists
        self._add = add

    async def still_running(self, pool: PoolKey, deployment: str, source: str) -> str:
        """What may still run a source that is no member of `pool` any more. Empty if nothing does. Raises ApiError.

        `source` is `KIND/NAMESPACE/NAME`. If nobody else uses the Deployment, it is deleted.
        """
        index = pool.index_of(deployment)
        if index is None:
            return ""
        pods = [pod for pod in self._lists.pods(pool, index) if may_run_ingester(pod)]
        remaining = self._members.of(pool).assigned.get(index, ())
        if not remaining:
            await self._delete(pool, deployment)
            if not pods:
                await self._lists.delete(pool, index)
            return f"pod {pods[0]['metadata']['name']}, which is stopping" if pods else ""
        if not pods or self._lists.has_ended(pool, index, source):
            return ""
        for one in remaining:
            self._add(source_key(one))
        return f"pod {pods[0]['metadata']['name']}, which other resources share"

    async def _delete(self, pool: PoolKey, deployment: str) -> None:
        for live in self._cache.shared_children(DEPLOYMENTS, pool_sharers(pool)):
            metadata = live["metadata"]
            if metadata["name"] == deployment and is_shared(live) and "deletionTimestamp" not in metadata:
                await self._client.delete(DEPLOYMENTS, pool.namespace, deployment, uid=metadata["uid"], foreground=True)
