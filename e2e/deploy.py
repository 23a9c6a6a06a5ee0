"""What the demo and the tests do with a cluster: images, `helm install`, manifests, a look into Redis."""

import base64
import json
from pathlib import Path
from typing import Any, Final

from e2e import images
from e2e.cluster.images import REDIS
from e2e.cluster.layout import ROOT
from e2e.cluster.provider import Cluster
from e2e.manifests import Manifest

CHART: Final[Path] = ROOT / "charts" / "sluice"
RELEASE: Final = "sluice"
NAMESPACE: Final = "sluice-system"


def load_images(cluster: Cluster) -> None:
    """Build what is stale and load what the cluster hasn't got."""
    for image in images.ALL:
        cluster.load_image(image)
    images.prune(cluster.layout)


def install(cluster: Cluster, *, values: dict[str, Any] | None = None) -> None:
    """`helm install`, or upgrade, and wait until the operator and its Redis are up."""
    repository, tag = images.SLUICE.tag.split(":")
    redis_repository, redis_tag = REDIS.tag.split(":")
    settings = {
        "image": {"repository": repository, "tag": tag},
        "redis": {"bundled": {"image": {"repository": redis_repository, "tag": redis_tag}}},
        "operator": {"statusIntervalSeconds": 5},
    } | (values or {})
    cluster.helm(
        *("upgrade", "--install", RELEASE, CHART, "--namespace", NAMESPACE, "--create-namespace"),
        *("--values", "-", "--wait", "--timeout", "4m"),
        stdin=json.dumps(settings),
    )


def apply(cluster: Cluster, *manifests: Manifest) -> None:
    """`kubectl apply` of all of them."""
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests}))


def redis_url(cluster: Cluster) -> str:
    """The URL of the bundled Redis, for pods."""
    secret = json.loads(cluster.kubectl("get", "secret", f"{RELEASE}-redis", "--namespace", NAMESPACE, "-o", "json"))
    return base64.b64decode(secret["data"]["url"]).decode()


def redis_cli(cluster: Cluster, *command: str) -> str:
    """Run redis-cli beside the bundled Redis, as one would by hand."""
    pod = f"statefulset/{RELEASE}-redis"
    return cluster.kubectl("exec", "--namespace", NAMESPACE, pod, "--", "redis-cli", *command)
