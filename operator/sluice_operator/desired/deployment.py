"""The Deployment of an ingester, of whatever source."""

from sluice_operator.api.source import Source
from sluice_operator.desired.manifest import Manifest, child
from sluice_operator.desired.naming import (
    CA_HASH_ANNOTATION,
    REDIS_HASH_ANNOTATION,
    child_name,
    owned_labels,
    selector,
)
from sluice_operator.desired.pod import build_pod_spec
from sluice_operator.desired.pod_template import merged
from sluice_operator.desired.redis import redis_secret
from sluice_operator.desired.settings import IngesterSettings
from sluice_operator.desired.stream import StreamComponent


def build_deployment(
    source: Source, stream: StreamComponent, *, redis_hash: str, ca_hash: str | None = None, settings: IngesterSettings
) -> Manifest:
    """One pod of the ingester of `stream`, or none while it is not enabled or the source is suspended.

    `redis_hash` is of the Redis URL in the source's Secret: see `redis.redis_hash`. `ca_hash` is of the CAs that
    the source names, None if they were never found.
    """
    labels = selector(resource=source.metadata.name, component=stream.component)
    owned = owned_labels(kind=type(source).__name__, resource=source.metadata.name)
    annotations = {REDIS_HASH_ANNOTATION: redis_hash}
    if source.spec.ca_bundle is not None and ca_hash is not None:
        annotations[CA_HASH_ANNOTATION] = ca_hash
    template = {
        "metadata": {"labels": {**labels, **owned}, "annotations": annotations},
        "spec": build_pod_spec(source.spec, env=stream.env, redis=redis_secret(source), settings=settings),
    }
    return child(
        source,
        api_version="apps/v1",
        kind="Deployment",
        name=child_name(source.metadata.name, stream.component.part),
        labels=labels,
        body={
            "spec": {
                "replicas": 1 if stream.enabled and not source.spec.suspend else 0,
                # The nulls stand for what someone else may have set (see `removal_patch`): a pause would keep
                # changes from the pod, and the API server refuses what belongs to another type of strategy.
                "paused": None,
                # Two pods of one source would only fence each other.
                "strategy": {"type": "Recreate", "rollingUpdate": None},
                "selector": {"matchLabels": labels},
                "template": merged(template, source.spec.pod_template),
            },
        },
    )
