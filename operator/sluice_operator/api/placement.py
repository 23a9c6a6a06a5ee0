"""On which nodes the ingester's pod may run."""

from typing import Annotated, Any, Final, Literal

from pydantic import Field

from sluice_operator.api.base import Model
from sluice_operator.api.object_names import LabelValue, QualifiedName
from sluice_operator.api.rules import Rule


class Toleration(Model):
    """A taint of nodes that the pod tolerates."""

    key: QualifiedName | None = None
    """The key of the taint. Without it, with the operator Exists, all taints are tolerated."""

    operator: Literal["Exists", "Equal"] | None = None
    """Whether any value of the taint is tolerated (Exists), or the one given (Equal). Without it Equal."""

    value: LabelValue | None = None
    """The value of the taint."""

    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """The effect of the taint. Without it all effects are tolerated."""

    toleration_seconds: Annotated[int, Field(ge=0, le=2_147_483_647)] | None = None
    """For how many seconds a taint with the effect NoExecute is tolerated. Without it for ever."""


class Affinity(Model):
    """Which nodes, and which other pods beside it, a pod wants or shuns.

    The three parts are as in a Pod. Their types are large and nested: they are taken as they are, and the API
    server checks them with the Deployment. What it refuses makes the resource Stalled, in its words.
    """

    node_affinity: dict[str, Any] | None = None
    """Which nodes are wanted, as in a Pod."""

    pod_affinity: dict[str, Any] | None = None
    """Beside which other pods it should run, as in a Pod."""

    pod_anti_affinity: dict[str, Any] | None = None
    """Apart from which other pods it should run, as in a Pod."""


class LabelRequirement(Model):
    """What a label of a pod has to be."""

    key: QualifiedName
    """The key of the label."""

    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    """How the label has to be: In or NotIn the values, or there (Exists) or not (DoesNotExist)."""

    values: Annotated[tuple[LabelValue, ...], Field(max_length=32)] | None = None
    """The values for In and NotIn."""


class LabelSelector(Model):
    """Which pods are meant, by their labels."""

    match_labels: Annotated[dict[str, LabelValue], Field(max_length=32)] | None = None
    """Labels that a pod must have, with these values."""

    match_expressions: Annotated[tuple[LabelRequirement, ...], Field(max_length=16)] | None = None
    """What else the labels of a pod have to be."""


class TopologySpreadConstraint(Model):
    """How pods are spread over nodes, zones or the like."""

    topology_key: QualifiedName
    """The label of nodes over whose values pods are spread, such as kubernetes.io/hostname."""

    when_unsatisfiable: Literal["ScheduleAnyway", "DoNotSchedule"] = "ScheduleAnyway"
    """Whether the pod is put somewhere (ScheduleAnyway) or waits (DoNotSchedule) if it can't be spread. Without this
    it is put somewhere.
    """

    max_skew: Annotated[int, Field(ge=1, le=10_000)] = 1
    """How many more pods one value may have than another. Without it one."""

    label_selector: LabelSelector = LabelSelector(match_labels={"app.kubernetes.io/name": "sluice-ingester"})
    """Which pods are counted. Without it those of all ingesters in the namespace, for one source has one pod."""

    min_domains: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """How many values there must be at least, with DoNotSchedule."""

    node_affinity_policy: Literal["Honor", "Ignore"] | None = None
    """Whether nodes that the pod's affinity rules out are left out of the count. Without it they are."""

    node_taints_policy: Literal["Honor", "Ignore"] | None = None
    """Whether nodes whose taints the pod does not tolerate are left out of the count. Without it they are not."""


_UNSATISFIABLE: Final = "(has({0}.whenUnsatisfiable) ? {0}.whenUnsatisfiable : 'ScheduleAnyway')"

DISTINCT_CONSTRAINTS: Final = Rule(
    cel=(
        "self.all(one, self.filter(other, other.topologyKey == one.topologyKey && "
        f"{_UNSATISFIABLE.format('other')} == {_UNSATISFIABLE.format('one')}).size() == 1)"
    ),
    message="two constraints have the same topologyKey and whenUnsatisfiable: make them one",
    holds=lambda spreads: len({(one.topology_key, one.when_unsatisfiable) for one in spreads}) == len(spreads),
)
