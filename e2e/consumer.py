"""Runs the example consumer (examples/consumer) for the demo's Relays, and reads its consumer group."""

import json
from collections.abc import Callable
from typing import Any

import yaml

from e2e import images
from e2e.cluster.layout import ROOT
from e2e.manifests import Manifest

EXAMPLE = ROOT / "examples" / "consumer"


def manifests(*, name: str, namespace: str, stream: str, redis_url: str) -> list[Manifest]:
    """The example's Deployment, with its ConfigMap and Secret. The consumer group has the name of the Deployment."""
    deployment: Manifest = yaml.safe_load((EXAMPLE / "consumer.yaml").read_text())
    labels = {"app.kubernetes.io/name": "example-consumer", "app.kubernetes.io/instance": name}
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    deployment["metadata"] = metadata
    spec = deployment["spec"]
    spec["selector"] = {"matchLabels": labels}
    spec["template"]["metadata"] = {"labels": labels}
    pod = spec["template"]["spec"]
    pod["volumes"][0]["configMap"]["name"] = name
    pod["terminationGracePeriodSeconds"] = 5
    [container] = pod["containers"]
    container |= {"image": images.SLUICE.tag, "imagePullPolicy": "IfNotPresent"}
    settings = {item["name"]: item for item in container["env"]}
    settings["STREAM"]["value"], settings["GROUP"]["value"] = stream, name
    settings["REDIS_URL"]["valueFrom"]["secretKeyRef"]["name"] = name
    script = {"consumer.py": (EXAMPLE / "consumer.py").read_text()}
    return [
        {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"url": redis_url}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": script},
        deployment,
    ]


def group(redis_cli: Callable[..., str], *, stream: str, name: str) -> dict[str, Any]:
    """The entry of a consumer group in XINFO GROUPS; empty if there is none yet. `redis_cli` runs a command."""
    if redis_cli("EXISTS", stream).strip() == "0":
        return {}
    groups = json.loads(redis_cli("--json", "XINFO", "GROUPS", stream))
    return next((one for one in groups if one["name"] == name), {})
