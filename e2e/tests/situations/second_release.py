"""A second release of the chart that watches the namespace of the situations too."""

from __future__ import annotations

import json
from dataclasses import dataclass

from e2e import deploy
from e2e.cluster.provider import Cluster
from e2e.tests.situations.environment import Environment
from e2e.tests.wait import eventually

_OPERATOR = "app.kubernetes.io/component=operator"


@dataclass(frozen=True)
class SecondRelease:
    """It has a Redis of its own."""

    environment: Environment

    @property
    def release(self) -> deploy.Release:
        """Its name and its namespace."""
        name = f"{self.environment.namespace}-second"
        return deploy.Release(name=name, namespace=name, watch_namespaces=(self.environment.namespace,))

    def install(self) -> None:
        """`helm install` without waiting: an operator that may serve no namespace is not ready."""
        values = deploy.chart_values(self.release)
        bundled = values["redis"]["bundled"] | {"persistence": {"enabled": False}}
        values |= {
            "crds": {"enabled": False},
            "operator": {"replicas": 1, "statusIntervalSeconds": 5},
            "redis": {"bundled": bundled},
        }
        name, place = self.release.name, ("--namespace", self.release.namespace, "--create-namespace", "--values", "-")
        self._cluster.helm("upgrade", "--install", name, deploy.CHART, *place, stdin=json.dumps(values))

    def wait_refused(self) -> str:
        """Wait until its log says that another release serves the namespace. Returns that line."""
        return eventually(self._refusals, until=bool, every=1)[0]

    def uninstall(self) -> None:
        """Remove it and its namespace, if they are there."""
        name, namespace = self.release.name, self.release.namespace
        self._cluster.helm("uninstall", name, "--namespace", namespace, "--ignore-not-found")
        self._cluster.kubectl("delete", "namespace", namespace, "--ignore-not-found", "--wait=false")

    @property
    def _cluster(self) -> Cluster:
        return self.environment.installation.cluster

    def _refusals(self) -> list[str]:
        namespace = self.release.namespace
        pods = self.environment.installation.api.list("pods", namespace, labelSelector=_OPERATOR)
        running = [pod["metadata"]["name"] for pod in pods if pod["status"]["phase"] == "Running"]
        logs = [self._cluster.kubectl("logs", "-n", namespace, pod, "--tail=-1") for pod in running]
        lines = [line for log in logs for line in log.splitlines()]
        return [line for line in lines if self.environment.namespace in line and "serve" in line]
