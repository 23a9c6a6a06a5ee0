"""A namespace with sources that share a pod, and what their ingester does."""

import json
from typing import Any

from sluice_operator.desired.pools import PoolKey
from sluice_operator.kubernetes.api_resource import DEPLOYMENTS, PODS, Manifest
from sluice_operator.observed.deployments import source_list_of
from sluice_redis.contract import HealthField, SourceState, Stream, StreamKeys, applied_key
from tests.unit.operator.reconcile.harness import NAMESPACE, Situation

POOL = PoolKey(NAMESPACE, "quiet")
NAME = "pool-quiet-0"
POD = f"{NAME}-1-x"
SHARED = {"pooling": {"mode": "Shared", "pool": "quiet"}}


class Pool(Situation):
    """A namespace with Relays of one pool, and the ingester of its Deployment."""

    def create(self, name: str, *, created: int = 0, **spec: Any) -> None:
        self.apply(name, created=created, host=f"{name}.example", **{**SHARED, **spec})

    async def settle(self, *names: str) -> None:
        """Reconcile these Relays until the ingester has followed."""
        for _ in range(4):
            for name in names:
                await self.reconcile(name)
            self.follow()
            self.clock.advance(3)

    def pool_deployment(self) -> Manifest:
        found = self.server.get(DEPLOYMENTS, NAMESPACE, NAME)
        assert found is not None
        return found

    @property
    def list_key(self) -> str:
        return source_list_of(self.pool_deployment())

    def entries(self) -> dict[str, dict[str, str]]:
        """The entries of the source list, by the name of their Relay."""
        found = {name: value for name, value in self.sink.hashes.get(self.list_key, {}).items() if name != "version"}
        return {name.split("/")[2]: json.loads(value) for name, value in found.items()}

    def run_pool_pod(self, *, name: str = NAME, restarts: int = 0, created: str = "2026-11-24T12:00:00Z") -> None:
        deployment = self.server.get(DEPLOYMENTS, NAMESPACE, name)
        assert deployment is not None
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"{name}-1", "uid": "r", "controller": True}

        def change(pod: Manifest) -> None:
            pod["metadata"] |= {
                "labels": {**labels, "pod-template-hash": "1"},
                "ownerReferences": [owner],
                "creationTimestamp": created,
            }
            pod["spec"] = {"nodeName": "node", "containers": [{"name": "ingester", "image": "sluice:test"}]}
            state = {"running": {"startedAt": created}}
            container = {"name": "ingester", "image": "sluice:test", "restartCount": restarts, "state": state}
            pod["status"] = {"phase": "Running", "containerStatuses": [container]}

        self.server.edit(PODS, NAMESPACE, pod_of(name), change)
        rolled_out = {"observedGeneration": 99, "replicas": 1, "updatedReplicas": 1}
        self.server.edit(DEPLOYMENTS, NAMESPACE, name, lambda one: one.update(status=rolled_out))

    def follow(self) -> None:
        """Do what the ingester does: report its sources, and the version of the list."""
        if self.server.get(PODS, NAMESPACE, POD) is None:
            return
        version, now = self.sink.hashes.get(self.list_key, {}).get("version"), self.clock.now().isoformat()
        for name in self.entries():
            keys = StreamKeys(stream=Stream.FIREHOSE, host=f"{name}.example")
            report = {HealthField.STATE: SourceState.STREAMING, HealthField.POD: POD, HealthField.BEAT: now}
            self.sink.hset(keys.health, {str(key): str(value) for key, value in report.items()})
            self.sink.set(keys.cursor, "7")
        if version:
            self.sink.set(applied_key(self.list_key), f"{version} {POD}")

    def ready(self, name: str) -> tuple[str, str] | None:
        return self.condition("Ready", name)


def pod_of(name: str) -> str:
    """The name of the pod of that Deployment."""
    return f"{name}-1-x"
