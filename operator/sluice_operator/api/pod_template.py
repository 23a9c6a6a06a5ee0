"""The pod template: what a user adds to the pod of an ingester.

What the operator sets from other fields of the spec can't be set here, so each thing has one place. Rules refuse what
would break the pod. What only the validation of a Deployment finds, such as a wrong field of an affinity, is refused by
the API server when the Deployment is written. The resource is then Stalled with its message.
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

TERMINATION_GRACE_SECONDS: Final = 15
"""The default, and the least that a user can set. Within 10 s of SIGTERM the ingester writes its buffered events and
exits.
"""

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
            f"the labels {', '.join(_RESERVED_LABELS)} and those that begin with {_SLUICE_PREFIX} "
            "identify the pods of ingesters: choose other names"
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
            f"annotations that begin with {_SLUICE_PREFIX} or {_KUBECTL_PREFIX} are reserved for the operator "
            "and kubectl: choose other names. To restart an ingester, use `kubectl rollout restart`"
        ),
        holds=lambda annotations: not any(name.startswith((_SLUICE_PREFIX, _KUBECTL_PREFIX)) for name in annotations),
    ),
]


class ImagePullSecret(Model):
    """A Secret with the credentials of an image registry."""

    name: ObjectName
    """Name of the Secret, in the namespace of this resource."""


class PodTemplate(Model):
    """Additions to the pod of the ingester. The fields are those of a Pod and of its container, on one level."""

    labels: Labels | None = None
    """Labels of the pod."""

    annotations: PodAnnotations | None = None
    """Annotations of the pod, such as those of a service mesh."""

    env: Annotated[tuple[Env, ...], Field(max_length=64), keyed_by("name")] | None = None
    """Environment variables of the ingester, such as LOG_LEVEL or HTTPS_PROXY."""

    resources: Annotated[ResourceRequirements, REQUESTS_WITHIN_LIMITS] = ResourceRequirements(
        requests={"cpu": "50m", "memory": "64Mi"}, limits={"memory": "128Mi"}
    )
    """Compute resources of the ingester's container. A value here replaces the default as a whole. Defaults to requests
    of 50m CPU and 64Mi memory, and a limit of 128Mi memory.
    """

    node_selector: Annotated[dict[str, LabelValue], Field(max_length=32)] | None = None
    """Labels that a node must have to run the pod."""

    tolerations: Annotated[tuple[Toleration, ...], Field(max_length=32)] | None = None
    """Taints of nodes that the pod tolerates."""

    affinity: Affinity | None = None
    """Scheduling constraints of the pod."""

    topology_spread_constraints: (
        Annotated[tuple[TopologySpreadConstraint, ...], Field(max_length=8), DISTINCT_CONSTRAINTS] | None
    ) = None
    """How to spread the pods of ingesters across topology domains."""

    image_pull_secrets: Annotated[tuple[ImagePullSecret, ...], Field(max_length=16), keyed_by("name")] | None = None
    """Secrets with the credentials of image registries. They are added to those of the operator."""

    priority_class_name: ObjectName | None = None
    """Name of the PriorityClass of the pod."""

    runtime_class_name: ObjectName | None = None
    """Name of the RuntimeClass of the pod."""

    scheduler_name: ObjectName | None = None
    """Name of the scheduler of the pod. If not set, the default scheduler of the cluster is used."""

    service_account_name: ObjectName | None = None
    """Name of the ServiceAccount of the pod, such as one that a SecurityContextConstraint is bound to. Its token is not
    mounted. If not set, the default ServiceAccount of the namespace is used.
    """

    pod_security_context: PodSecurityContext | None = None
    """Security context of the pod. If not set, the pod runs as user and group 65532. If set, it runs as the user and
    the group that are given here. With {} the image or the cluster decides, such as with the ranges of OpenShift.
    """

    security_context: SecurityContext | None = None
    """Security context of the ingester's container. It takes precedence over podSecurityContext."""

    termination_grace_period_seconds: Annotated[int, Field(ge=TERMINATION_GRACE_SECONDS, le=3600)] | None = None
    """Number of seconds that the ingester has to write its buffered events when it is stopped. It needs no more than
    10. Defaults to 15.
    """

    dns_policy: Literal["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"] | None = None
    """DNS policy of the pod. ClusterFirst uses the DNS of the cluster, Default that of the node, and None only
    dnsConfig. Defaults to ClusterFirst.
    """

    dns_config: DNSConfig | None = None
    """DNS settings that are added to those of dnsPolicy."""

    host_aliases: Annotated[tuple[HostAlias, ...], Field(max_length=32), keyed_by("ip")] | None = None
    """Entries for the pod's /etc/hosts."""

    volumes: Annotated[tuple[Volume, ...], Field(max_length=16), keyed_by("name")] | None = None
    """Volumes of the pod, such as a Secret with a client certificate. Each has a name and one volume source as in a
    Pod, such as secret, configMap, emptyDir, projected, csi or persistentVolumeClaim.
    """

    volume_mounts: Annotated[tuple[VolumeMount, ...], Field(max_length=16), keyed_by("mountPath")] | None = None
    """Where the volumes are mounted in the ingester's container."""

    def mounts_have_volumes(self) -> bool:
        """Whether every mount names a volume of this template."""
        volumes = {volume.name for volume in self.volumes or ()}
        return all(mount.name in volumes for mount in self.volume_mounts or ())


MOUNTS_HAVE_VOLUMES: Final = Rule(
    cel=(
        "!has(self.volumeMounts) || self.volumeMounts.all(mount, has(self.volumes) && "
        "self.volumes.exists(volume, volume.name == mount.name))"
    ),
    message="a mount names a volume that does not exist: add it to podTemplate.volumes, or remove the mount",
    holds=PodTemplate.mounts_have_volumes,
)
