"""What a step can do with the resource of its situation and the objects around it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any, Literal

from e2e import manifests
from e2e.cluster.errors import ClusterError
from e2e.tests.api import Api
from e2e.tests.situations import readings
from e2e.tests.situations.environment import Environment, merged
from e2e.tests.situations.recorder import PLURALS, Key
from e2e.tests.situations.redis_server import RedisServer
from e2e.tests.situations.situation import Situation
from e2e.tests.situations.verdicts import Reading, condition
from e2e.tests.wait import eventually
from e2e.tests.webhooks.webhook import Webhook

SMALL = {"requests": {"cpu": "5m", "memory": "40Mi"}, "limits": {"memory": "128Mi"}}
"""Resources of an ingester, so small that the pods of all situations fit onto one node."""


class Subject:
    """For one situation. The resource has the name of its situation."""

    def __init__(self, environment: Environment, situation: Situation) -> None:
        self.environment = environment
        self.name = situation.name
        self.kind = situation.kind
        self.key: Key = situation.key
        self._webhook: Webhook | None = None

    @property
    def resource(self) -> tuple[str, str]:
        """The type and the name of the resource, for kubectl."""
        return readings.named(self.key)

    def manifest(self, *, host: str | None = None, name: str | None = None, **spec: Any) -> manifests.Manifest:
        """The resource, with keys of its own in Redis. Without a host it reads the calm simulator.

        With another `name`, a second resource with the same keys.
        """
        make = manifests.labeler if self.kind == "labeler" else manifests.relay
        address = host or self.environment.simulator().address
        base = {"redis": {"keyPrefix": self.redis_key("")}, "podTemplate": {"resources": SMALL}}
        return make(name=name or self.name, namespace=self.environment.namespace, host=address, **merged(base, spec))

    def apply(self, **spec: Any) -> None:
        """Apply it."""
        self.environment.apply(self.manifest(**spec))

    def refused(self, **spec: Any) -> str:
        """The API server's message when it refuses it; AssertionError if it accepts it."""
        try:
            self.apply(**spec)
        except ClusterError as error:
            return str(error)
        raise AssertionError("the API server accepted it")

    def patch(self, **spec: Any) -> None:
        """Merge into its spec."""
        self.environment.kubectl("patch", *self.resource, "--type=merge", "--patch", json.dumps({"spec": spec}))

    def delete(self, *args: str) -> None:
        """Ask for its deletion."""
        self.environment.kubectl("delete", *self.resource, "--wait=false", *args)

    def generation(self) -> int | None:
        """The generation of its spec, None if it is not there."""
        found = self._api.find(self._plural, self.environment.namespace, self.name)
        return int(found["metadata"]["generation"]) if found else None

    def read(self) -> Reading:
        """What the four readers say now."""
        cluster = self.environment.installation.cluster
        return readings.read(cluster, self.environment.recorder, self.key, namespace=self.environment.namespace)

    def status(self) -> dict[str, Any]:
        """Its status."""
        status: dict[str, Any] = self._api.read(self._plural, self.environment.namespace, self.name)["status"]
        return status

    def condition(self, kind: str) -> dict[str, Any]:
        """One of its conditions, empty if it is not there."""
        return condition({"status": self.status()}, kind)

    def wait_event(self, reason: str) -> None:
        """Wait for an Event about it with that reason."""
        selector = f"involvedObject.name={self.name},reason={reason}"
        eventually(
            lambda: self._api.list("events", self.environment.namespace, fieldSelector=selector), until=bool, every=0.5
        )

    def pod(self) -> str:
        """The name of its ingester's pod, once there is exactly one that is not ending."""
        return eventually(self._pods, until=lambda names: len(names) == 1)[0]

    @property
    def deployment_name(self) -> tuple[str, str]:
        """The Deployment of its stream, for kubectl."""
        return "deployment", f"{self.name}-{'labels' if self.kind == 'labeler' else 'firehose'}"

    def deployment(self) -> dict[str, Any]:
        """That Deployment."""
        return self._api.read("deployments", self.environment.namespace, self.deployment_name[1])

    def ask_again(self) -> None:
        """Ask the operator to try now what it would try again later."""
        now = f"sluice.dev/reconcile-requested-at={time.time()}"
        self.environment.kubectl("annotate", *self.resource, now, "--overwrite")

    def webhook(self, *, answers: Mapping[str, Any] | None = None) -> Webhook:
        """Its own webhook server: a new one with these answers, or without `answers` the present one."""
        if answers is not None or self._webhook is None:
            self._webhook = Webhook(
                kubectl=self.environment.kubectl,
                name=f"webhook-{self.name}",
                namespace=self.environment.namespace,
                answers=answers or {},
            )
        return self._webhook

    def register(self, path: str, *, kind: Literal["Mutating", "Validating"]) -> None:
        """Let the API server call its webhook for each write of its Deployments."""
        labels = {f"sluice.dev/{self.kind}": self.name}
        self.webhook().register(path, kind=kind, resources={"deployments": "apps"}, labels=labels)

    def withdraw(self, path: str) -> None:
        """Let the API server call it no more."""
        self.webhook().withdraw(path)

    def redis(self) -> RedisServer:
        """A Redis of its own."""
        return RedisServer(
            name=f"redis-{self.name}", namespace=self.environment.namespace, kubectl=self.environment.kubectl
        )

    def redis_key(self, key: str) -> str:
        """The name of one of its keys in the release's Redis."""
        return f"{self.name}-{self.environment.run}:{key}"

    @property
    def _api(self) -> Api:
        return self.environment.installation.api

    @property
    def _plural(self) -> str:
        return PLURALS[self.kind]

    def _pods(self) -> list[str]:
        selector = f"sluice.dev/{self.kind}={self.name}"
        pods = self._api.list("pods", self.environment.namespace, labelSelector=selector)
        return [pod["metadata"]["name"] for pod in pods if "deletionTimestamp" not in pod["metadata"]]
