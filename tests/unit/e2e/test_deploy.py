"""Installing a release of the chart, with recorded commands instead of a cluster."""

import json
from pathlib import Path
from typing import Any, cast

import pytest

from e2e import deploy
from e2e.cluster.errors import ClusterError
from e2e.cluster.provider import Cluster

RELEASE = deploy.Release(name="sluice-one", namespace="one-system", watch_namespaces=("one", "two"))


class Recorded:
    """Records the commands. The first calls of helm fail with `errors`."""

    def __init__(self, *errors: str) -> None:
        self.errors = list(errors)
        self.calls: list[tuple[str, ...]] = []
        self.input: list[Any] = []

    def helm(self, *args: str | Path, stdin: str) -> str:
        self._record("helm", *map(str, args), stdin=stdin)
        if self.errors:
            raise ClusterError(self.errors.pop(0))
        return ""

    def kubectl(self, *args: str, stdin: str) -> str:
        self._record("kubectl", *args, stdin=stdin)
        return ""

    def _record(self, *call: str, stdin: str) -> None:
        self.calls.append(call)
        self.input.append(json.loads(stdin))


def install(cluster: Recorded) -> None:
    deploy.install(cast("Cluster", cluster), release=RELEASE, values={"operator": {"replicas": 1}})


def test_namespaces_are_created_before_the_chart_is_installed() -> None:
    cluster = Recorded()
    install(cluster)
    assert [call[0] for call in cluster.calls] == ["kubectl", "helm"]
    assert [item["metadata"]["name"] for item in cluster.input[0]["items"]] == ["one", "two"]
    assert cluster.calls[1][:3] == ("helm", "upgrade", "--install")
    assert "--take-ownership" in cluster.calls[1]
    assert cluster.input[1]["watchNamespaces"] == ["one", "two"]
    assert cluster.input[1]["operator"] == {"replicas": 1}


def test_an_install_is_repeated_if_another_release_created_the_crds() -> None:
    cluster = Recorded('customresourcedefinitions "relays.sluice.dev" already exists')
    install(cluster)
    assert [call[0] for call in cluster.calls] == ["kubectl", "helm", "helm"]
    assert cluster.calls[1] == cluster.calls[2]


def test_any_other_failure_is_raised() -> None:
    cluster = Recorded("timed out", "timed out")
    with pytest.raises(ClusterError, match="timed out"):
        install(cluster)
    assert len(cluster.calls) == 2


def test_the_demo_watches_only_its_own_namespace() -> None:
    assert deploy.DEMO.watch_namespaces == ("demo",)
    assert (deploy.DEMO.operator, deploy.DEMO.redis) == ("deployment/sluice", "statefulset/sluice-redis")
