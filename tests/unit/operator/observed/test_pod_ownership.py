"""Which Deployment a pod belongs to. The owner reference decides, since a copy has the same labels."""

from typing import Any

import pytest

from sluice_operator.observed.pod_ownership import is_of_deployment

REPLICA_SET = {
    "apiVersion": "apps/v1",
    "kind": "ReplicaSet",
    "name": "us-east-firehose-abc",
    "uid": "r",
    "controller": True,
}
LABELS = {"pod-template-hash": "abc", "app.kubernetes.io/managed-by": "sluice-operator"}


def pod(*owners: dict[str, Any], labels: dict[str, str] | None = None) -> dict[str, Any]:
    return {"metadata": {"name": "p", "labels": LABELS if labels is None else labels, "ownerReferences": list(owners)}}


@pytest.mark.parametrize(
    ("found", "is_ours"),
    [
        (pod(REPLICA_SET), True),
        (pod(), False),
        (pod(labels={"app.kubernetes.io/managed-by": "sluice-operator"}), False),
        (pod(REPLICA_SET, labels={}), False),
        (pod({**REPLICA_SET, "controller": False}), False),
        (pod({**REPLICA_SET, "name": "us-west-firehose-abc"}), False),
        (pod({**REPLICA_SET, "kind": "Job", "apiVersion": "batch/v1"}), False),
        (pod({**REPLICA_SET, "apiVersion": "example.com/v1"}), False),
        ({"metadata": {"name": "p"}}, False),
    ],
    ids=[
        "made by it",
        "naked",
        "a copy",
        "without the hash",
        "not controlled",
        "another's",
        "a job's",
        "a namesake",
        "bare",
    ],
)
def test_whether_a_pod_belongs_to_the_deployment(found: dict[str, Any], is_ours: bool) -> None:  # noqa: FBT001
    assert is_of_deployment(found, "us-east-firehose") is is_ours
