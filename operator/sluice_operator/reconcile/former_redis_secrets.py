"""Deletes Secrets with the operator's default URL that no Deployment references any more.

A source needs another Secret once its spec names one. Earlier releases made a Secret for each source.
"""

from collections.abc import Iterable

from sluice_operator.desired.child_metadata import is_controlled_by, is_shared
from sluice_operator.desired.naming import DEFAULT_REDIS_SECRET, former_redis_secret_name
from sluice_operator.desired.redis_secret import redis_secret
from sluice_operator.kubernetes.api_resource import SECRETS, Manifest
from sluice_operator.kubernetes.client import KubernetesClient
from sluice_operator.kubernetes.errors import ApiError
from sluice_operator.observed.deployments import redis_secret_of
from sluice_operator.reconcile.child_writer import ChildWriter
from sluice_operator.reconcile.default_redis_secret import DefaultRedisSecrets
from sluice_operator.reconcile.reconciliation import Reconciliation


class FormerRedisSecrets:
    """The Secrets of all sources that they need no more."""

    def __init__(self, *, client: KubernetesClient, writer: ChildWriter, defaults: DefaultRedisSecrets) -> None:
        self._client = client
        self._writer = writer
        self._defaults = defaults

    def saw(self, run: Reconciliation, deployment: Manifest) -> None:
        """Record the Secret that `deployment` references, if the operator made it and the source needs another one."""
        kind, resource = type(run.source).__name__, run.source.metadata.name
        made = {DEFAULT_REDIS_SECRET, former_redis_secret_name(kind=kind, resource=resource)}
        run.memory.former_secrets |= (made & {redis_secret_of(deployment)}) - {redis_secret(run.source).name}

    async def delete(self, run: Reconciliation, deployments: Iterable[Manifest]) -> None:
        """Delete those that none of `deployments`, those that run the source, references and nobody else needs."""
        referenced = {*map(redis_secret_of, deployments)}
        for name in run.memory.former_secrets - referenced:  # a Deployment that could not be written yet needs its own
            if await self._is_gone(run, name):
                run.memory.former_secrets.discard(name)

    async def _is_gone(self, run: Reconciliation, name: str) -> bool:
        """Delete the Secret. Returns whether nothing is left to do."""
        namespace = run.source.metadata.namespace
        is_default = name == DEFAULT_REDIS_SECRET
        if is_default and self._defaults.is_needed_in(namespace):
            return True
        try:
            async with run.api_timeout():
                secret = await self._client.get(SECRETS, namespace, name)
        except ApiError as error:
            run.errors.append(error)
            return False
        if secret is None or not (is_shared(secret) if is_default else is_controlled_by(secret, run.source)):
            return True
        return await self._writer.delete(run, SECRETS, {**secret, "kind": SECRETS.kind})
