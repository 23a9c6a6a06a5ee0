"""The fields that decide on which nodes the ingester's pod can run."""

from typing import Annotated, Any, Final, Literal

from pydantic import Field

from sluice_operator.api.base import Model
from sluice_operator.api.object_names import LabelValue, QualifiedName
from sluice_operator.api.rules import Rule


class Toleration(Model):
    """A taint of nodes that the pod tolerates."""

    key: QualifiedName | None = None
    """Key of the taint that is tolerated. If not set, operator must be Exists, and all taints are tolerated."""

    operator: Literal["Exists", "Equal"] | None = None
    """Exists tolerates any value of the taint. Equal tolerates only the given value. Defaults to Equal."""

    value: LabelValue | None = None
    """Value of the taint that is tolerated."""

    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """Effect of the taint that is tolerated. If not set, all effects are tolerated."""

    toleration_seconds: Annotated[int, Field(ge=0, le=2_147_483_647)] | None = None
    """Number of seconds that a taint with the effect NoExecute is tolerated. If not set, it is tolerated forever."""


class Affinity(Model):
    """Scheduling constraints of the pod: on which nodes, and near or away from which other pods.

    The fields are those of a Pod, and are not validated here. If the API server refuses them in the Deployment, the
    resource is Stalled with its message.
    """

    node_affinity: dict[str, Any] | None = None
    """Node affinity scheduling rules, as in a Pod."""

    pod_affinity: dict[str, Any] | None = None
    """Pod affinity scheduling rules, as in a Pod."""

    pod_anti_affinity: dict[str, Any] | None = None
    """Pod anti-affinity scheduling rules, as in a Pod."""


class LabelRequirement(Model):
    """A label selector requirement: a key, an operator and values."""

    key: QualifiedName
    """Key of the label."""

    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    """How the label relates to the values: In, NotIn, Exists or DoesNotExist."""

    values: Annotated[tuple[LabelValue, ...], Field(max_length=32)] | None = None
    """Values of the label. Required for In and NotIn, not allowed for Exists and DoesNotExist."""


class LabelSelector(Model):
    """A label query over pods. A pod must match all requirements."""

    match_labels: Annotated[dict[str, LabelValue], Field(max_length=32)] | None = None
    """Labels and values that a pod must have."""

    match_expressions: Annotated[tuple[LabelRequirement, ...], Field(max_length=16)] | None = None
    """Further requirements on the labels of a pod."""


class TopologySpreadConstraint(Model):
    """How to spread pods across nodes, zones or other topology domains."""

    topology_key: QualifiedName
    """Key of the node label whose values are the topology domains, such as kubernetes.io/hostname."""

    when_unsatisfiable: Literal["ScheduleAnyway", "DoNotSchedule"] = "ScheduleAnyway"
    """What to do if the pod does not satisfy the constraint: ScheduleAnyway or DoNotSchedule."""

    max_skew: Annotated[int, Field(ge=1, le=10_000)] = 1
    """Maximum difference in the number of pods between topology domains."""

    label_selector: LabelSelector = LabelSelector(match_labels={"app.kubernetes.io/name": "sluice-ingester"})
    """Which pods are counted. Defaults to the pods of all ingesters in the namespace, because each source has only one
    pod.
    """

    min_domains: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Minimum number of topology domains, with DoNotSchedule."""

    node_affinity_policy: Literal["Honor", "Ignore"] | None = None
    """Honor leaves out of the count the nodes that do not match the pod's affinity. Ignore counts them. Defaults to
    Honor.
    """

    node_taints_policy: Literal["Honor", "Ignore"] | None = None
    """Honor leaves out of the count the nodes with taints that the pod does not tolerate. Ignore counts them. Defaults
    to Ignore.
    """


_UNSATISFIABLE: Final = "(has({0}.whenUnsatisfiable) ? {0}.whenUnsatisfiable : 'ScheduleAnyway')"

DISTINCT_CONSTRAINTS: Final = Rule(
    cel=(
        "self.all(one, self.filter(other, other.topologyKey == one.topologyKey && "
        f"{_UNSATISFIABLE.format('other')} == {_UNSATISFIABLE.format('one')}).size() == 1)"
    ),
    message="two constraints have the same topologyKey and whenUnsatisfiable: merge them",
    holds=lambda spreads: len({(one.topology_key, one.when_unsatisfiable) for one in spreads}) == len(spreads),
)
