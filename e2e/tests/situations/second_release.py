"""A second release of the chart, that watches the namespace of the situations, too."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from e2e import deploy, images
from e2e.cluster.images import REDIS
from e2e.tests.situations.world import World
from e2e.tests.wait import eventually

NAME: Final = "sluice-second"
"""Of the release and its namespace."""


@dataclass(frozen=True)
class SecondRelease:
    """With a Redis of its own."""

    world: World

    def install(self) -> None:
        """Install it. Helm does not wait: an operator that may serve nothing is not ready."""
        repository, tag = images.SLUICE.tag.split(":")
        redis_repository, redis_tag = REDIS.tag.split(":")
        values = {
            "image": {"repository": repository, "tag": tag},
            "crds": {"enabled": False},
            "watchNamespaces": [self.world.namespace],
            "operator": {"replicas": 1, "statusIntervalSeconds": 5},
            "redis": {
                "bundled": {
                    "image": {"repository": redis_repository, "tag": redis_tag},
                    "persistence": {"enabled": False},
                }
            },
        }
        place = ("--namespace", NAME, "--create-namespace", "--values", "-")
        self.world.cluster.helm("upgrade", "--install", NAME, deploy.CHART, *place, stdin=json.dumps(values))

    def wait_refused(self) -> str:
        """Wait until it says that another release serves the namespace. The line of its log."""
        lines = eventually(self._refusals, until=bool, within=180, every=2)
        return lines[0]

    def uninstall(self) -> None:
        """Remove it, and its namespace."""
        uninstall(self.world)

    def _refusals(self) -> list[str]:
        pods = self.world.cluster.kubectl(
            "get", "pods", "-n", NAME, "-l", "app.kubernetes.io/component=operator", "-o", "name"
        ).split()
        logs = [self.world.cluster.kubectl("logs", "-n", NAME, pod, "--tail=-1") for pod in pods if self._runs(pod)]
        lines = [line for log in logs for line in log.splitlines()]
        return [line for line in lines if self.world.namespace in line and "serve" in line]

    def _runs(self, pod: str) -> bool:
        phase = self.world.cluster.kubectl("get", "-n", NAME, pod, "-o", "jsonpath={.status.phase}")
        return phase == "Running"


def uninstall(world: World) -> None:
    """Remove the release and its namespace, if they are there."""
    world.cluster.helm("uninstall", NAME, "--namespace", NAME, "--ignore-not-found")
    world.cluster.kubectl("delete", "namespace", NAME, "--ignore-not-found", "--wait=false")
