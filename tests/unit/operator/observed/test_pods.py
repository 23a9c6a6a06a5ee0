"""Facts about the pods of an ingester: containers, restarts, ends and scheduling."""

from datetime import UTC, datetime
from typing import Any

import pytest

from sluice_operator.observed.pods import earliest_pod_time, pod_facts, pods_facts

CREATED = "2026-11-24T12:00:00Z"
STARTED = "2026-11-24T12:00:05Z"


def pod(*, metadata: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "uid": "u1",
            "name": "us-east-firehose-abc-1",
            "creationTimestamp": CREATED,
            "labels": {"pod-template-hash": "abc"},
            **(metadata or {}),
        },
        "spec": {"containers": [{"name": "ingester", "image": "sluice:1"}]},
        "status": status,
    }


def container(*, restarts: int = 0, last: dict[str, Any] | None = None, **state: Any) -> dict[str, Any]:
    return {
        "name": "ingester",
        "restartCount": restarts,
        "state": state,
        "lastState": {"terminated": last} if last else {},
    }


RUNNING = container(running={"startedAt": STARTED})
OOM = {"reason": "OOMKilled", "exitCode": 137, "finishedAt": "2026-11-24T12:03:00Z"}
ERROR = {"reason": "Error", "exitCode": 1, "finishedAt": "2026-11-24T12:01:00Z"}


def test_a_running_pod() -> None:
    facts = pod_facts(pod(phase="Running", containerStatuses=[RUNNING]))
    assert (facts.uid, facts.name, facts.template_hash) == ("u1", "us-east-firehose-abc-1", "abc")
    assert facts.created == datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
    assert facts.running_since == datetime(2026, 11, 24, 12, 0, 5, tzinfo=UTC)
    assert (facts.terminating, facts.waiting_reason, facts.restart_count, facts.image) == (False, "", 0, "sluice:1")


def test_a_pod_without_a_status() -> None:
    facts = pod_facts({"metadata": {"uid": "u1", "name": "p", "creationTimestamp": CREATED}})
    assert (facts.running_since, facts.template_hash, facts.image) == (None, "", "")


@pytest.mark.parametrize(
    "sidecar",
    [
        container(restarts=4, last=OOM, waiting={"reason": "CrashLoopBackOff", "message": "of the mesh"}),
        container(restarts=4, last=OOM, running={"startedAt": CREATED}),
    ],
    ids=["crashing", "running"],
)
def test_other_containers_do_not_count(sidecar: dict[str, Any]) -> None:
    mesh = {**sidecar, "name": "istio-proxy"}
    body = pod(phase="Running", containerStatuses=[mesh, RUNNING])
    body["spec"]["containers"].insert(0, {"name": "istio-proxy", "image": "mesh:2"})
    alone = pod_facts(pod(phase="Running", containerStatuses=[RUNNING]))
    assert pod_facts(body) == alone


def test_the_reason_of_a_waiting_container() -> None:
    waits = container(waiting={"reason": "ImagePullBackOff", "message": "Back-off pulling image"})
    facts = pod_facts(pod(phase="Pending", containerStatuses=[waits]))
    assert (facts.waiting_reason, facts.waiting_message) == ("ImagePullBackOff", "Back-off pulling image")


@pytest.mark.parametrize(
    ("status", "reason", "exit_code"),
    [
        (container(restarts=2, last=OOM, running={"startedAt": STARTED}), "OOMKilled", 137),
        (container(restarts=1, last=ERROR, terminated=OOM), "OOMKilled", 137),
        (container(restarts=1, last=OOM, terminated=ERROR), "OOMKilled", 137),
        (container(restarts=1, last=ERROR, waiting={"reason": "CrashLoopBackOff"}), "Error", 1),
    ],
    ids=["before this run", "just now", "the newest counts", "in back-off"],
)
def test_the_last_termination(status: dict[str, Any], reason: str, exit_code: int) -> None:
    end = pod_facts(pod(phase="Running", containerStatuses=[status])).last_termination
    assert end is not None
    assert (end.reason, end.exit_code) == (reason, exit_code)


@pytest.mark.parametrize(
    ("metadata", "status", "terminating", "reason"),
    [
        ({}, {"phase": "Running"}, False, ""),
        ({"deletionTimestamp": CREATED}, {"phase": "Running"}, True, ""),
        ({}, {"phase": "Failed", "reason": "Evicted"}, True, "Evicted"),
        ({"deletionTimestamp": CREATED}, {"phase": "Running", "reason": "NodeLost"}, True, "NodeLost"),
        ({}, {"phase": "Succeeded"}, True, ""),
        (
            {"deletionTimestamp": CREATED},
            {"conditions": [{"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"}]},
            True,
            "PreemptionByScheduler",
        ),
        (
            {},
            {"conditions": [{"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}]},
            False,
            "",
        ),
    ],
    ids=["stays", "deleted", "evicted", "node lost", "succeeded", "preempted", "about to be evicted"],
)
def test_whether_it_is_terminating(
    metadata: dict[str, Any],
    status: dict[str, Any],
    terminating: bool,  # noqa: FBT001
    reason: str,
) -> None:
    facts = pod_facts(pod(metadata=metadata, **status))
    assert (facts.terminating, facts.gone_reason) == (terminating, reason)


def test_an_unschedulable_pod() -> None:
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "0/1 nodes are available: 1 Insufficient cpu.",
    }
    assert "Insufficient cpu" in pod_facts(pod(phase="Pending", conditions=[condition])).unschedulable


def test_a_pod_with_scheduling_gates() -> None:
    condition = {"type": "PodScheduled", "status": "False", "reason": "SchedulingGated", "message": "is blocked"}
    gated = pod(phase="Pending", conditions=[condition])
    gated["spec"]["schedulingGates"] = [{"name": "example.com/quota"}]
    assert pod_facts(gated).unschedulable == "is blocked (example.com/quota)"


def test_the_oldest_pod_comes_first() -> None:
    newer = pod(metadata={"uid": "u2", "creationTimestamp": "2026-11-24T13:00:00Z"})
    assert [facts.uid for facts in pods_facts([newer, pod()])] == ["u1", "u2"]


BEFORE, AFTER = datetime(2026, 11, 24, 11, tzinfo=UTC), datetime(2026, 11, 24, 13, tzinfo=UTC)


@pytest.mark.parametrize(
    ("source", "deployment", "former"),
    [
        (BEFORE, None, False),
        (AFTER, None, True),  # its own Deployment does not exist yet
        (AFTER, AFTER, True),  # not yet garbage-collected
        (AFTER, BEFORE, False),  # it has taken over that Deployment and its pods
        (None, AFTER, False),
    ],
)
def test_pods_of_an_earlier_source_are_terminating(
    source: datetime | None,
    deployment: datetime | None,
    former: bool,  # noqa: FBT001
) -> None:
    live = {"metadata": {"creationTimestamp": deployment.isoformat()}} if deployment else None
    (facts,) = pods_facts([pod()], since=earliest_pod_time(source=source, deployment=live))
    assert facts.terminating is former
