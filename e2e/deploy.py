"""Installs Sluice by its chart on a cluster, applies manifests, and reads the bundled Redis.

The demo and the tests use it, each with its own release.
"""

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from e2e import images, manifests
from e2e.cluster.errors import ClusterError
from e2e.cluster.images import REDIS
from e2e.cluster.layout import ROOT
from e2e.cluster.provider import Cluster
from e2e.manifests import Manifest

CHART: Final[Path] = ROOT / "charts" / "sluice"


@dataclass(frozen=True, kw_only=True)
class Release:
    """A release of the chart. One cluster can have several, if they watch different namespaces.

    The name contains `sluice`, so that the names of its objects begin with it: the chart's rule for full names.
    """

    name: str
    namespace: str
    watch_namespaces: tuple[str, ...] = ()
    """Whose resources it manages, as the chart's `watchNamespaces`; empty: those of all namespaces."""

    @property
    def operator(self) -> str:
        """The operator's Deployment, as kubectl names it."""
        return f"deployment/{self.name}"

    @property
    def redis(self) -> str:
        """The StatefulSet of the bundled Redis, as kubectl names it."""
        return f"statefulset/{self.name}-redis"

    @property
    def lease(self) -> str:
        """The name of the operator's Lease for leader election."""
        return f"{self.name}-operator"


DEMO: Final = Release(name="sluice", namespace="sluice-system", watch_namespaces=("demo",))


def load_images(cluster: Cluster) -> None:
    """Build the images that are stale and load those that the cluster does not have."""
    for image in images.ALL:
        cluster.load_image(image)
    images.prune(cluster.layout)


def install(cluster: Cluster, *, release: Release, values: dict[str, Any] | None = None) -> None:
    """`helm upgrade --install`, then wait until the operator and its Redis are ready.

    Creates the namespaces that the release watches. `values` replaces top-level values of the chart. The
    release that was installed last owns the CRDs, and an uninstall keeps them.
    """
    apply(cluster, *map(manifests.namespace, release.watch_namespaces))
    command = (
        *("upgrade", "--install", release.name, CHART, "--namespace", release.namespace, "--create-namespace"),
        *("--take-ownership", "--values", "-", "--wait", "--timeout", "4m"),
    )
    settings = json.dumps(chart_values(release) | (values or {}))
    try:
        cluster.helm(*command, stdin=settings)
    except ClusterError as error:
        # Another release, installed at the same time, has created the CRDs after Helm had looked for them.
        if "already exists" not in str(error):
            raise
        cluster.helm(*command, stdin=settings)


def uninstall(cluster: Cluster, *, release: Release) -> None:
    """`helm uninstall`, then delete the release's namespace. Nothing happens if neither is there."""
    cluster.helm("uninstall", release.name, "--namespace", release.namespace, "--ignore-not-found", "--wait")
    cluster.kubectl("delete", "namespace", release.namespace, "--ignore-not-found", "--timeout=120s")


def chart_values(release: Release) -> dict[str, Any]:
    """The chart's values for a release on a local cluster: the images that were built here, and a quick status."""
    repository, tag = images.SLUICE.tag.split(":")
    redis_repository, redis_tag = REDIS.tag.split(":")
    return {
        "image": {"repository": repository, "tag": tag},
        "watchNamespaces": list(release.watch_namespaces),
        "redis": {"bundled": {"image": {"repository": redis_repository, "tag": redis_tag}}},
        "operator": {"statusIntervalSeconds": 5},
    }


def apply(cluster: Cluster, *objects: Manifest) -> None:
    """`kubectl apply` of all of them; nothing if there are none."""
    if objects:
        cluster.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))


def redis_url(cluster: Cluster, *, release: Release) -> str:
    """The URL of the release's bundled Redis, for pods."""
    found = cluster.kubectl("get", "secret", f"{release.name}-redis", "--namespace", release.namespace, "-o", "json")
    return base64.b64decode(json.loads(found)["data"]["url"]).decode()


def redis_cli(cluster: Cluster, *command: str, release: Release) -> str:
    """Run redis-cli in the pod of the release's bundled Redis; its standard output."""
    return cluster.kubectl("exec", "--namespace", release.namespace, release.redis, "--", "redis-cli", *command)
