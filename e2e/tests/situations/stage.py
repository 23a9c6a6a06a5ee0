"""What a step can do with the resource of its situation, and around it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any, Literal

from e2e import deploy, manifests
from e2e.cluster.errors import ClusterError
from e2e.tests.situations import readings
from e2e.tests.situations.recorder import Key
from e2e.tests.situations.redis_server import RedisServer
from e2e.tests.situations.situation import Situation
from e2e.tests.situations.verdicts import Reading, condition
from e2e.tests.situations.world import World, merged
from e2e.tests.wait import eventually
from e2e.tests.webhooks.webhook import Webhook

__all__ = ["Stage", "World"]

SMALL = {"requests": {"cpu": "5m", "memory": "40Mi"}, "limits": {"memory": "128Mi"}}
"""All situations fit onto one node."""


class Stage:
    """For one situation."""

    def __init__(self, world: World, situation: Situation) -> None:
        self.world = world
        self.name = situation.name
        self.kind = situation.kind
        self.key: Key = situation.key
        self._webhook: Webhook | None = None

    @property
    def resource(self) -> tuple[str, str]:
        """The same for kubectl."""
        return readings.named(self.key)

    def manifest(self, *, host: str | None = None, name: str | None = None, **spec: Any) -> manifests.Manifest:
        """The resource, with keys of its own in Redis, or one of another `name` with the same; without a host it reads
        the calm simulator.
        """
        make = manifests.labeler if self.kind == "labeler" else manifests.relay
        address = host or self.world.simulator().address
        base = {"redis": {"keyPrefix": self.redis_key("")}, "podTemplate": {"resources": SMALL}}
        return make(name=name or self.name, namespace=self.world.namespace, host=address, **merged(base, spec))

    def apply(self, **spec: Any) -> None:
        """Apply it."""
        self.world.apply(self.manifest(**spec))

    def refused(self, **spec: Any) -> str:
        """What the API server says when it refuses it; AssertionError if it takes it."""
        try:
            self.apply(**spec)
        except ClusterError as error:
            return str(error)
        raise AssertionError("the API server took it")

    def patch(self, **spec: Any) -> None:
        """Merge into its spec."""
        self.world.kubectl("patch", *self.resource, "--type=merge", "--patch", json.dumps({"spec": spec}))

    def delete(self, *args: str) -> None:
        """Ask for its deletion."""
        self.world.kubectl("delete", *self.resource, "--wait=false", *args)

    def generation(self) -> int | None:
        """Of its spec, None if it is not there."""
        found = self.world.kubectl("get", *self.resource, "--ignore-not-found", "-o", "jsonpath={.metadata.generation}")
        return int(found) if found else None

    def read(self) -> Reading:
        """What the four readers say now."""
        return readings.read(self.world.cluster, self.world.recorder, self.key, namespace=self.world.namespace)

    def status(self) -> dict[str, Any]:
        """Its status."""
        status: dict[str, Any] = json.loads(self.world.kubectl("get", *self.resource, "-o", "json"))["status"]
        return status

    def condition(self, kind: str) -> dict[str, Any]:
        """One of its conditions."""
        return condition({"status": self.status()}, kind)

    def wait_event(self, reason: str) -> None:
        """Wait for an Event on it with that reason."""
        path = f"--field-selector=involvedObject.name={self.name},reason={reason}"
        eventually(lambda: self.world.kubectl("get", "events", path, "-o", "name"), until=bool, within=60, every=1)

    def pod(self) -> str:
        """Of its ingester, once there is just one that stays."""
        return eventually(self._pods, until=lambda names: len(names) == 1, within=60, every=1)[0]

    def _pods(self) -> list[str]:
        selector = f"sluice.dev/{self.kind}={self.name}"
        pods = json.loads(self.world.kubectl("get", "pods", "-l", selector, "-o", "json"))["items"]
        return [pod["metadata"]["name"] for pod in pods if "deletionTimestamp" not in pod["metadata"]]

    @property
    def deployment_name(self) -> tuple[str, str]:
        """The Deployment of its stream, for kubectl."""
        return "deployment", f"{self.name}-{'labels' if self.kind == 'labeler' else 'firehose'}"

    def deployment(self) -> dict[str, Any]:
        """That Deployment."""
        found: dict[str, Any] = json.loads(self.world.kubectl("get", *self.deployment_name, "-o", "json"))
        return found

    def ask_again(self) -> None:
        """Let the operator try at once what it has given up for a while."""
        now = f"sluice.dev/reconcile-requested-at={time.time()}"
        self.world.kubectl("annotate", *self.resource, now, "--overwrite")

    def webhook(self, *, answers: Mapping[str, Any] | None = None) -> Webhook:
        """A webhook server of its own, with these answers; without, the one that it has."""
        if answers is not None or self._webhook is None:
            self._webhook = Webhook(
                kubectl=self.world.kubectl,
                name=f"webhook-{self.name}",
                namespace=self.world.namespace,
                answers=answers or {},
            )
        return self._webhook

    def register(self, path: str, *, kind: Literal["Mutating", "Validating"]) -> None:
        """Let the API server ask its webhook about what is written of its Deployments."""
        labels = {f"sluice.dev/{self.kind}": self.name}
        self.webhook().register(path, kind=kind, resources={"deployments": "apps"}, labels=labels)

    def withdraw(self, path: str) -> None:
        """Let it ask no more."""
        self.webhook().withdraw(path)

    def redis(self) -> RedisServer:
        """A Redis of its own."""
        return RedisServer(name=f"redis-{self.name}", namespace=self.world.namespace, kubectl=self.world.kubectl)

    def redis_cli(self, *command: str) -> str:
        """Run redis-cli in the Redis that situations share."""
        return deploy.redis_cli(self.world.cluster, *command)

    def redis_key(self, key: str) -> str:
        """The name of one of its keys there."""
        return f"{self.name}-{self.world.run}:{key}"
