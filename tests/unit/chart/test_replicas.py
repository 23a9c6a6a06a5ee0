"""Several replicas of the operator, one of which leads."""

from collections.abc import Callable
from typing import Any

import pytest

NAME = "sluice"

Render = Callable[..., Any]


def spec(rendered: Any) -> dict[str, Any]:
    result: dict[str, Any] = rendered.one("Deployment", NAME)["spec"]
    return result


def test_an_upgrade_always_keeps_a_replica(render: Render) -> None:
    deployment = spec(render())
    assert deployment["replicas"] == 2
    rolling = {"maxSurge": 1, "maxUnavailable": 0}
    assert deployment["strategy"] == {"type": "RollingUpdate", "rollingUpdate": rolling}


def test_a_drain_evicts_one_replica_at_a_time(render: Render) -> None:
    rendered = render()
    budget = rendered.one("PodDisruptionBudget", NAME)["spec"]
    assert (budget["maxUnavailable"], budget["unhealthyPodEvictionPolicy"]) == (1, "AlwaysAllow")
    assert budget["selector"] == spec(rendered)["selector"]


def test_replicas_run_on_different_nodes_if_possible(render: Render) -> None:
    (constraint,) = spec(render())["template"]["spec"]["topologySpreadConstraints"]
    assert (constraint["topologyKey"], constraint["whenUnsatisfiable"]) == ("kubernetes.io/hostname", "ScheduleAnyway")
    labels = spec(render())["template"]["metadata"]["labels"]
    assert constraint["labelSelector"]["matchLabels"].items() <= labels.items()


def test_a_topology_spread_from_the_values(render: Render) -> None:
    mine = {"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "DoNotSchedule"}
    rendered = render(operator={"topologySpreadConstraints": [mine]})
    assert spec(rendered)["template"]["spec"]["topologySpreadConstraints"] == [mine]


@pytest.mark.parametrize("replicas", [0, 1])
def test_a_single_replica_may_be_drained_and_uses_leader_election(render: Render, replicas: int) -> None:
    """During a rollout there are two replicas."""
    rendered = render(operator={"replicas": replicas})
    assert spec(rendered)["replicas"] == replicas
    assert ("PodDisruptionBudget", NAME) not in rendered.names()
    env = spec(rendered)["template"]["spec"]["containers"][0]["env"]
    assert {"name": "SLUICE_LEADER_ELECTION", "value": "true"} in env
