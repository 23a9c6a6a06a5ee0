"""Builds the Deployment of an ingester."""

from collections.abc import Mapping

from sluice_operator.api.deployment_metadata import DeploymentMetadata
from sluice_operator.api.source import Source
from sluice_operator.desired.child_metadata import Manifest, build_child
from sluice_operator.desired.ingester_defaults import IngesterDefaults
from sluice_operator.desired.merge_pod_template import merge_pod_template
from sluice_operator.desired.naming import child_name, owned_labels, pod_selector
from sluice_operator.desired.pod import build_pod_spec, source_variables
from sluice_operator.desired.redis_secret import redis_secret
from sluice_operator.desired.stream import DesiredStream


def build_deployment(
    source: Source,
    stream: DesiredStream,
    *,
    config_hashes: Mapping[str, str],
    defaults: IngesterDefaults,
) -> Manifest:
    """The Deployment for one `stream`, with one pod, or none while the stream is disabled or the source is suspended.

    `config_hashes` are, by annotation, hashes of what the ingester reads at its start, such as the Redis URL. If one
    changes, the pod is replaced.
    """
    labels = pod_selector(resource=source.metadata.name, component=stream.component.name)
    owned = owned_labels(kind=type(source).__name__, resource=source.metadata.name)
    added = source.spec.deployment or DeploymentMetadata()
    template = {
        "metadata": {"labels": {**labels, **owned}, "annotations": dict(config_hashes)},
        "spec": build_pod_spec(
            source.spec,
            env=source_variables(source.spec, env=stream.env),
            redis=redis_secret(source),
            defaults=defaults,
        ),
    }
    return build_child(
        source,
        api_version="apps/v1",
        kind="Deployment",
        name=child_name(source.metadata.name, stream.component.field),
        labels={**(added.labels or {}), **labels},
        annotations=added.annotations or {},
        body={
            "spec": {
                "replicas": 1 if stream.enabled and not source.spec.suspend else 0,
                # Older versions hashed these nulls. They stay, so that the hash of an existing child does not change
                # and the child is not written again.
                "paused": None,
                # Two pods of one source would fence each other.
                "strategy": {"type": "Recreate", "rollingUpdate": None},
                "selector": {"matchLabels": labels},
                "template": merge_pod_template(template, source.spec.pod_template),
            },
        },
    )
