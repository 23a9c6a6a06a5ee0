"""Stops the ingesters of a source that is being deleted, and says which of them still run."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sluice_common.times import parse_time
from sluice_operator.desired.child_metadata import belongs_to
from sluice_operator.desired.deletion_plan import deployment_names, is_owned_by_replica_set, may_run_ingester
from sluice_operator.desired.pools import PoolKey, object_source_id
from sluice_operator.kubernetes.api_resource import DEPLOYMENTS, PODS, Manifest
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.kubernetes.client import KubernetesClient
from sluice_operator.kubernetes.errors import ApiError
from sluice_operator.kubernetes.source_key import object_key
from sluice_operator.reconcile.kinds import Kinds
from sluice_operator.reconcile.pool_leaving import PoolLeaving


@dataclass(frozen=True, kw_only=True, slots=True)
class Obstacle:
    """What prevents the deletion of a cursor."""

    what: Literal["ingester", "spec", "Redis"]
    message: str
    deletion_times: tuple[datetime | None, ...] = ()
    """When the deletion of the Deployment or pod was requested."""
    is_permanent: bool = False
    """Whether waiting does not help."""


class IngesterShutdown:
    """Stops ingesters."""

    def __init__(self, *, client: KubernetesClient, cache: Cache, kinds: Kinds, leaving: PoolLeaving) -> None:
        self._leaving = leaving
        self._client = client
        self._cache = cache
        self._kinds = kinds

    async def stop(self, found: Manifest) -> Obstacle | None:
        """Delete the Deployments of the source `found`. Returns which ingesters still run, if any. Raises ApiError."""
        own, left, deletion_times = found["metadata"], [], []
        namespace = own["namespace"]
        for name in deployment_names(found, self._kinds[found["kind"]].components):
            live = await self._client.get(DEPLOYMENTS, namespace, name)
            if live is None or not belongs_to(live, kind=found["kind"], name=own["name"], uid=own["uid"]):
                continue
            metadata = live["metadata"]
            left.append(f"Deployment {name}")
            deletion_times.append(parse_time(metadata.get("deletionTimestamp")))
            if "deletionTimestamp" not in metadata:
                try:
                    await self._client.delete(DEPLOYMENTS, namespace, name, uid=metadata["uid"], foreground=True)
                except ApiError as error:
                    if not error.is_refusal:
                        raise
                    return Obstacle(what="ingester", message=f"Deployment {name} can't be deleted: {error.message}")
        if (pool := (found.get("status") or {}).get("pool")) is not None:
            shared = await self._leaving.still_running(
                PoolKey(namespace, str(pool.get("name"))),
                str(pool.get("deployment")),
                object_source_id(found),
            )
            left += [shared] if shared else []
        left += [_describe(pod) for pod in self._cache.children(PODS, object_key(found)) if may_run_ingester(pod)]
        if not left:
            return None
        message = f"the ingester still runs ({', '.join(left)})"
        return Obstacle(what="ingester", message=message, deletion_times=tuple(deletion_times))


def _describe(pod: Manifest) -> str:
    metadata = pod["metadata"]
    if is_owned_by_replica_set(pod):
        return f"pod {metadata['name']}"
    command = f"kubectl delete pod {metadata['name']} -n {metadata['namespace']}"
    return f"pod {metadata['name']}, which is not deleted with the Deployment: delete it with `{command}`"
