"""Which other container keeps the ingester's container from starting."""

from typing import Any

import pytest

from sluice_operator.observed.blocking_containers import blocker

INGESTER = {"name": "ingester", "state": {"waiting": {"reason": "PodInitializing"}}}
UP = {"running": {"startedAt": "2026-11-24T12:00:00Z"}}
BACK_OFF = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}
CRASHED = {"terminated": {"reason": "Error", "exitCode": 3}}
DONE = {"terminated": {"reason": "Completed", "exitCode": 0}}


def pod(
    *, init: list[dict[str, Any]] | None = None, others: list[dict[str, Any]] | None = None, sidecar: bool = False
) -> dict[str, Any]:
    more = {"restartPolicy": "Always"} if sidecar else {}
    spec = {
        "initContainers": [{"name": one["name"], **more} for one in init or ()],
        "containers": [{"name": one["name"]} for one in [*(others or ()), INGESTER]],
    }
    return {"spec": spec, "status": {"initContainerStatuses": init, "containerStatuses": [*(others or ()), INGESTER]}}


@pytest.mark.parametrize(
    ("found", "name", "is_failing", "expected"),
    [
        (pod(init=[{"name": "a", "state": UP}]), "a", False, "not finished yet"),
        (pod(init=[{"name": "a", "state": DONE}, {"name": "b", "state": UP}]), "b", False, "init container b"),
        (pod(init=[{"name": "a", "state": BACK_OFF, "lastState": CRASHED}]), "a", True, "exit code 3"),
        (pod(init=[{"name": "a", "state": CRASHED}]), "a", True, "exit code 3"),
        (
            pod(init=[{"name": "a", "state": {"waiting": {"reason": "ImagePullBackOff"}}}]),
            "a",
            True,
            "ImagePullBackOff",
        ),
        (pod(init=[{"name": "a", "state": UP, "started": False}], sidecar=True), "a", False, "sidecar a"),
        (pod(others=[{"name": "mesh", "state": BACK_OFF, "lastState": CRASHED}]), "mesh", True, "exit code 3"),
        (pod(others=[{"name": "mesh", "state": UP, "ready": False}]), "mesh", False, "not ready yet"),
    ],
)
def test_the_blocking_container_is_found(*, found: dict[str, Any], name: str, is_failing: bool, expected: str) -> None:
    facts = blocker(found)
    assert facts is not None
    assert (facts.name, facts.is_failing) == (name, is_failing)
    assert expected in facts.description


@pytest.mark.parametrize(
    "found",
    [
        {},
        pod(),
        pod(init=[{"name": "a", "state": DONE}]),
        pod(init=[{"name": "a", "state": UP, "started": True}], sidecar=True),
        pod(others=[{"name": "mesh", "state": UP, "ready": True}]),
        pod(others=[{"name": "mesh", "state": {"waiting": {"reason": "ContainerCreating"}}}]),
    ],
)
def test_other_containers_do_not_block(found: dict[str, Any]) -> None:
    assert blocker(found) is None
