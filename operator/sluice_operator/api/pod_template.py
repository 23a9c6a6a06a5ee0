"""What a user adds to the pod of an ingester: merged over what the operator builds, and never against it.

What the operator sets from other fields of the spec can't be set here, so that each thing is said in one place.
Rules refuse what would break the pod; what only the validation of a Deployment knows (a toleration with a value
too many, a mistyped field of an affinity) is refused by the API server when the Deployment is written, and the
resource is then Stalled with its words.
"""

from typing import Annotated, Final, Literal

from pydantic import Field

from sluice_operator.api.base import GROUP, Model, keyed_by
from sluice_operator.api.env import Env
from sluice_operator.api.object_names import LabelValue, ObjectName
from sluice_operator.api.placement import DISTINCT_CONSTRAINTS, Affinity, Toleration, TopologySpreadConstraint
from sluice_operator.api.pod_dns import DNSConfig, HostAlias
from sluice_operator.api.resource_requirements import REQUESTS_WITHIN_LIMITS, ResourceRequirements
from sluice_operator.api.rules import Rule
from sluice_operator.api.security import PodSecurityContext, SecurityContext
from sluice_operator.api.volumes import Volume, VolumeMount

_SLUICE_PREFIX: Final = f"{GROUP}/"
_KUBECTL_PREFIX: Final = "kubectl.kubernetes.io/"
_RESERVED_LABELS: Final = (
    "app.kubernetes.io/name",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/component",
    "app.kubernetes.io/managed-by",
    "pod-template-hash",
)

Labels = Annotated[
    dict[str, LabelValue],
    Field(max_length=32),
    Rule(
        cel=f"self.all(name, !name.startsWith('{_SLUICE_PREFIX}') && !(name in {list(_RESERVED_LABELS)}))",
        message=(
            f"the labels {', '.join(_RESERVED_LABELS)} and what begins with {_SLUICE_PREFIX} tell the pods of "
            "ingesters apart: choose other names"
        ),
        holds=lambda labels: not any(name.startswith(_SLUICE_PREFIX) or name in _RESERVED_LABELS for name in labels),
    ),
]

PodAnnotations = Annotated[
    dict[str, Annotated[str, Field(max_length=16_384)]],
    Field(max_length=32),
    Rule(
        cel=f"self.all(name, !name.startsWith('{_SLUICE_PREFIX}') && !name.startsWith('{_KUBECTL_PREFIX}'))",
        message=(
            f"annotations that begin with {_SLUICE_PREFIX} or {_KUBECTL_PREFIX} are those of the operator "
            "and of kubectl: choose other names; `kubectl rollout restart` restarts an ingester"
        ),
        holds=lambda annotations: not any(name.startswith((_SLUICE_PREFIX, _KUBECTL_PREFIX)) for name in annotations),
    ),
]


class ImagePullSecret(Model):
    """A Secret with the credentials of a registry."""

    name: ObjectName
    """The name of the Secret, in the namespace of this resource."""


class PodTemplate(Model):
    """What is added to the ingester's pod. All is as in a Pod and its container, without the levels between."""

    labels: Labels | None = None
    """Labels of the pod."""

    annotations: PodAnnotations | None = None
    """Annotations of the pod, such as those of a service mesh."""

    env: Annotated[tuple[Env, ...], Field(max_length=64), keyed_by("name")] | None = None
    """Variables of the ingester's process, such as LOG_LEVEL or HTTPS_PROXY."""

    resources: Annotated[ResourceRequirements, REQUESTS_WITHIN_LIMITS] = ResourceRequirements(
        requests={"cpu": "50m", "memory": "64Mi"}, limits={"memory": "128Mi"}
    )
    """The resources of the ingester's container. What is given here replaces the default as a whole."""

    node_selector: Annotated[dict[str, LabelValue], Field(max_length=32)] | None = None
    """Labels that a node must have to run the pod."""

    tolerations: Annotated[tuple[Toleration, ...], Field(max_length=32)] | None = None
    """Taints of nodes that the pod tolerates."""

    affinity: Affinity | None = None
    """Which nodes, and which other pods beside it, the pod wants or shuns."""

    topology_spread_constraints: (
        Annotated[tuple[TopologySpreadConstraint, ...], Field(max_length=8), DISTINCT_CONSTRAINTS] | None
    ) = None
    """How the pods of ingesters are spread over nodes, zones or the like."""

    image_pull_secrets: Annotated[tuple[ImagePullSecret, ...], Field(max_length=16), keyed_by("name")] | None = None
    """Secrets with the credentials of registries, beside those of the operator."""

    priority_class_name: ObjectName | None = None
    """The PriorityClass of the pod."""

    runtime_class_name: ObjectName | None = None
    """The RuntimeClass of the pod."""

    scheduler_name: ObjectName | None = None
    """The scheduler that finds the pod a node. Without it that of the cluster."""

    service_account_name: ObjectName | None = None
    """The ServiceAccount of the pod, such as one that a SecurityContextConstraint is bound to. Its token is not in the
    pod. Without it the namespace's default.
    """

    pod_security_context: PodSecurityContext | None = None
    """As whom the pod runs, and in what confinement. Without it user and group are 65532. With it they are those that
    are given here, or with {} those of the image or of the cluster, such as OpenShift's ranges.
    """

    security_context: SecurityContext | None = None
    """The same of the ingester's container alone."""

    termination_grace_period_seconds: Annotated[int, Field(ge=15, le=3600)] | None = None
    """How many seconds the ingester has to write what it holds when it is stopped. It needs no more than 10. Without
    it 15.
    """

    dns_policy: Literal["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"] | None = None
    """Where the pod's name servers come from: the cluster (ClusterFirst, without it), the node (Default) or dnsConfig
    alone (None).
    """

    dns_config: DNSConfig | None = None
    """Name servers, domains and options in addition to these."""

    host_aliases: Annotated[tuple[HostAlias, ...], Field(max_length=32), keyed_by("ip")] | None = None
    """Addresses and their names in the pod's /etc/hosts."""

    volumes: Annotated[tuple[Volume, ...], Field(max_length=16), keyed_by("name")] | None = None
    """Volumes of the pod, such as a Secret with a client certificate: a name, and beside it one source as in a
    Pod, such as secret, configMap, emptyDir, projected, csi or persistentVolumeClaim.
    """

    volume_mounts: Annotated[tuple[VolumeMount, ...], Field(max_length=16), keyed_by("mountPath")] | None = None
    """Where the ingester's container sees these volumes."""

    def mounts_have_volumes(self) -> bool:
        """Whether every mount is of a volume that is given."""
        volumes = {volume.name for volume in self.volumes or ()}
        return all(mount.name in volumes for mount in self.volume_mounts or ())


MOUNTS_HAVE_VOLUMES: Final = Rule(
    cel=(
        "!has(self.volumeMounts) || self.volumeMounts.all(mount, has(self.volumes) && "
        "self.volumes.exists(volume, volume.name == mount.name))"
    ),
    message="a mount names a volume that is not there: add it to podTemplate.volumes, or drop the mount",
    holds=PodTemplate.mounts_have_volumes,
)
