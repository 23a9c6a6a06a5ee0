"""The Deployment of an ingester, of whatever source."""

from collections.abc import Mapping

from sluice_operator.api.deployment import Deployment
from sluice_operator.api.source import Source
from sluice_operator.desired.child_metadata import Manifest, child
from sluice_operator.desired.ingester_defaults import IngesterSettings
from sluice_operator.desired.naming import (
    child_name,
    owned_labels,
    selector,
)
from sluice_operator.desired.pod import build_pod_spec
from sluice_operator.desired.pod_template import merged
from sluice_operator.desired.redis_secret import redis_secret
from sluice_operator.desired.stream import StreamComponent


def build_deployment(
    source: Source,
    stream: StreamComponent,
    *,
    hashes: Mapping[str, str],
    settings: IngesterSettings,
) -> Manifest:
    """One pod of the ingester of `stream`, or none while it is not enabled or the source is suspended.

    `hashes` are of what the ingester reads at its start, by annotation, such as the Redis URL in the source's Secret:
    another hash makes another pod.
    """
    labels = selector(resource=source.metadata.name, component=stream.component)
    owned = owned_labels(kind=type(source).__name__, resource=source.metadata.name)
    added = source.spec.deployment or Deployment()
    template = {
        "metadata": {"labels": {**labels, **owned}, "annotations": dict(hashes)},
        "spec": build_pod_spec(source.spec, env=stream.env, redis=redis_secret(source), settings=settings),
    }
    return child(
        source,
        api_version="apps/v1",
        kind="Deployment",
        name=child_name(source.metadata.name, stream.component.part),
        labels={**(added.labels or {}), **labels},
        annotations=added.annotations or {},
        body={
            "spec": {
                "replicas": 1 if stream.enabled and not source.spec.suspend else 0,
                # The nulls say what is absent in words that older versions have hashed: so their children bear the same
                # stamp, and are not written anew.
                "paused": None,
                # Two pods of one source would only fence each other.
                "strategy": {"type": "Recreate", "rollingUpdate": None},
                "selector": {"matchLabels": labels},
                "template": merged(template, source.spec.pod_template),
            },
        },
    )
