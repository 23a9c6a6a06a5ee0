"""The Deployment of an ingester, of whatever source."""

from collections.abc import Mapping

from sluice_operator.api.source import Source
from sluice_operator.desired.manifest import Manifest, child
from sluice_operator.desired.naming import (
    REDIS_HASH_ANNOTATION,
    Component,
    child_name,
    owned_labels,
    selector,
)
from sluice_operator.desired.pod import build_pod_spec
from sluice_operator.desired.redis import redis_secret
from sluice_operator.desired.settings import IngesterSettings


def build_deployment(
    source: Source,
    *,
    component: Component,
    running: bool,
    env: Mapping[str, str],
    redis_hash: str,
    settings: IngesterSettings,
) -> Manifest:
    """One pod of the ingester with `env`, or none while it isn't `running`.

    `redis_hash` is of the Redis URL in the source's Secret: see `redis.redis_hash`.
    """
    labels = selector(resource=source.metadata.name, component=component)
    owned = owned_labels(kind=type(source).__name__, resource=source.metadata.name)
    pod_spec = build_pod_spec(source.spec, env=env, redis=redis_secret(source), settings=settings)
    return child(
        source,
        api_version="apps/v1",
        kind="Deployment",
        name=child_name(source.metadata.name, component.value),
        labels=labels,
        body={
            "spec": {
                "replicas": 1 if running else 0,
                # The nulls stand for what someone else may have set (see `removal_patch`): a pause would keep
                # changes from the pod, and the API server refuses what belongs to another type of strategy.
                "paused": None,
                # Two pods of one source would only fence each other.
                "strategy": {"type": "Recreate", "rollingUpdate": None},
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {
                        "labels": {**labels, **owned},
                        "annotations": {REDIS_HASH_ANNOTATION: redis_hash},
                    },
                    "spec": pod_spec,
                },
            },
        },
    )
