"""Nothing that the operator reads of a pod is dropped."""

from collections.abc import Callable
from typing import Any

import pytest

from sluice_operator.desired.deletion_plan import may_run_ingester
from sluice_operator.observed.blocking_containers import blocker
from sluice_operator.observed.pod_fields import without_unread_fields
from sluice_operator.observed.pod_references import pull_secrets, references
from sluice_operator.observed.pods import pod_facts

SIDECAR: dict[str, Any] = {"name": "proxy", "image": "proxy:1", "restartPolicy": "Always", "livenessProbe": {}}
INGESTER: dict[str, Any] = {
    "name": "ingester",
    "image": "sluice:1",
    "command": ["sluice-ingester"],
    "env": [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "token", "key": "t"}}}],
    "envFrom": [{"configMapRef": {"name": "settings"}}],
    "resources": {"limits": {"memory": "64Mi"}},
    "securityContext": {"readOnlyRootFilesystem": True},
    "volumeMounts": [{"name": "ca", "mountPath": "/ca"}],
}
POD: dict[str, Any] = {
    "metadata": {
        "name": "p",
        "namespace": "n",
        "uid": "u",
        "creationTimestamp": "2026-11-24T12:00:00Z",
        "labels": {"pod-template-hash": "1"},
    },
    "spec": {
        "nodeName": "one",
        "priority": 0,
        "tolerations": [{"key": "a", "operator": "Exists"}],
        "imagePullSecrets": [{"name": "registry"}],
        "volumes": [{"name": "ca", "configMap": {"name": "private-ca", "items": [{"key": "ca.crt", "path": "ca"}]}}],
        "initContainers": [SIDECAR],
        "containers": [INGESTER],
    },
    "status": {"phase": "Pending", "qosClass": "Burstable", "podIPs": [{"ip": "198.18.0.7"}]},
}
RUNNING = {"running": {"startedAt": "2026-11-24T12:00:05Z"}}
FAILED = {"terminated": {"reason": "OOMKilled", "exitCode": 137, "finishedAt": "2026-11-24T12:00:03Z"}}
UNSCHEDULABLE = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no node"}
STATUSES: dict[str, dict[str, Any]] = {
    "pending": {},
    "unschedulable": {"conditions": [UNSCHEDULABLE]},
    "evicted": {"phase": "Failed", "reason": "Evicted"},
    "disrupted": {
        "phase": "Failed",
        "conditions": [{"type": "DisruptionTarget", "status": "True", "reason": "Preempted"}],
    },
    "running": {
        "phase": "Running",
        "initContainerStatuses": [{"name": "proxy", "state": RUNNING, "started": True, "ready": True}],
        "containerStatuses": [{"name": "ingester", "state": RUNNING, "lastState": FAILED, "restartCount": 3}],
    },
    "blocked": {
        "initContainerStatuses": [{"name": "proxy", "state": FAILED, "started": False, "ready": False}],
        "containerStatuses": [{"name": "ingester", "state": {"waiting": {"reason": "PodInitializing"}}}],
    },
    "pull": {"containerStatuses": [{"name": "ingester", "state": {"waiting": {"reason": "ErrImagePull"}}}]},
}


@pytest.mark.parametrize("read", [pod_facts, blocker, references, pull_secrets, may_run_ingester])
@pytest.mark.parametrize("status", STATUSES)
def test_all_facts_are_the_same_without_the_dropped_fields(read: Callable[[Any], Any], status: str) -> None:
    pod = {**POD, "status": {**POD["status"], **STATUSES[status]}}
    assert read(without_unread_fields(pod)) == read(pod)


def test_what_nobody_reads_is_dropped() -> None:
    trimmed = without_unread_fields(POD)
    assert trimmed["metadata"] == POD["metadata"]
    assert "tolerations" not in trimmed["spec"]
    assert "securityContext" not in trimmed["spec"]["containers"][0]
    assert "qosClass" not in trimmed["status"]


def test_a_pod_without_a_status_stays_without_one() -> None:
    assert without_unread_fields({"metadata": {"name": "p"}}) == {"metadata": {"name": "p"}}
