"""What is deleted with a source, until when that is attempted, and the message when the cursor is kept."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sluice_operator.api.deletion import FINALIZER
from sluice_operator.desired.deletion_plan import (
    DeletionDeadline,
    build_finalizer_patch,
    cursor_kept_message,
    deletes_cursor,
    deployment_names,
    has_finalizer,
    may_run_ingester,
    other_finalizers,
    possible_keys,
)
from sluice_operator.kinds.labeler import LABELER
from sluice_operator.kinds.registry import KINDS
from sluice_operator.kinds.relay import RELAY
from sluice_redis.contract import StreamKeys

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
DEADLINE = DeletionDeadline(seconds=60, min_attempt_seconds=10)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def source(kind: str = "Relay", *, finalizers: list[str] | None = None, **spec: Any) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": "us-east", "namespace": "events", "uid": "u-1", "resourceVersion": "7"}
    if finalizers is not None:
        metadata["finalizers"] = finalizers
    return {"kind": kind, "metadata": metadata, "spec": {"host": "wss://Relay.Example:2470", **spec}}


@pytest.mark.parametrize(
    ("requested", "attempted", "passed"),
    [
        ([ago(59)], 59, False),
        ([ago(60)], 60, True),
        ([ago(3600)], 9, False),  # an operator that starts late still tries for 10 s
        ([ago(3600)], 10, True),
        ([ago(3600), ago(59)], 100, False),  # its Deployment was deleted later
        ([ago(3600), ago(60), None], 10, True),
        ([None], 10, True),
        ([ago(-3600)], 59, False),  # the clock of the API server is ahead
        ([ago(-3600)], 60, True),
    ],
)
def test_when_the_deadline_has_passed(*, requested: list[datetime | None], attempted: float, passed: bool) -> None:
    assert DEADLINE.has_passed(requested_at=requested, now=NOW, attempted_seconds=attempted) is passed


def test_adding_and_removing_the_finalizer_keeps_those_of_others() -> None:
    free, held = source(finalizers=["a/b"]), source(finalizers=[FINALIZER, "a/b"])
    assert (has_finalizer(free), has_finalizer(held), has_finalizer(source())) == (False, True, False)
    assert other_finalizers(held) == ["a/b"]
    assert build_finalizer_patch(free, present=True) == {
        "metadata": {"finalizers": ["a/b", FINALIZER], "resourceVersion": "7"},
    }
    assert build_finalizer_patch(held, present=False) == {"metadata": {"finalizers": ["a/b"], "resourceVersion": "7"}}


def test_the_deletion_policy_is_read_from_an_invalid_spec() -> None:
    assert deletes_cursor(source(host=[], deletionPolicy="DeleteCursor"))
    assert not deletes_cursor(source(deletionPolicy="Retain"))
    assert not deletes_cursor({"kind": "Relay", "metadata": {}})


def test_all_possible_deployments_are_named() -> None:
    assert deployment_names(source(), RELAY.components) == ("us-east-firehose", "us-east-backfill")
    assert deployment_names(source("Labeler"), LABELER.components) == ("us-east-labels",)


@pytest.mark.parametrize(
    ("phase", "may"),
    [("Running", True), ("Pending", True), ("Unknown", True), (None, True), ("Succeeded", False), ("Failed", False)],
)
def test_a_pod_that_has_ended_runs_no_ingester(*, phase: str | None, may: bool) -> None:
    assert may_run_ingester({"status": {"phase": phase} if phase else {}}) is may


REPLICA_SET = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "a-firehose-1", "controller": True}


@pytest.mark.parametrize(
    ("owners", "container", "may"),
    [
        ([], {"command": ["sleep", "100000"]}, False),
        ([], {"command": ["sluice-ingester"]}, True),
        ([], {"command": ["/vault/env"], "args": ["sluice-ingester"]}, True),
        ([], {}, True),  # what the image runs
        ([REPLICA_SET], {"command": ["sleep", "100000"]}, True),
    ],
    ids=["a shell", "an ingester", "wrapped", "the image's", "made by the Deployment"],
)
def test_a_copy_of_a_pod_with_another_command_runs_no_ingester(
    *, owners: list[dict[str, Any]], container: dict[str, Any], may: bool
) -> None:
    containers = [{"name": "mesh", "command": ["envoy"]}, {"name": "ingester", **container}]
    assert may_run_ingester({"metadata": {"ownerReferences": owners}, "spec": {"containers": containers}}) is may


def keys_of(found: dict[str, Any]) -> list[StreamKeys]:
    return possible_keys(found, KINDS[found["kind"]].components)


def test_the_message_about_a_kept_cursor_has_the_command_to_delete_it() -> None:
    message = cursor_kept_message("Redis is away", keys_of(source("Labeler")))
    assert message == (
        "The resource is deleted, but its cursor is not: Redis is away. To delete the cursor, run: "
        "redis-cli DEL label_live:cursor:relay.example:2470 label_live:health:relay.example:2470"
    )
    message = cursor_kept_message("", keys_of(source(redis={"keyPrefix": "{p}:"})))
    assert message.endswith(
        "redis-cli DEL '{p}:firehose_live:cursor:relay.example:2470' '{p}:firehose_live:health:relay.example:2470' "
        "'{p}:repo_backfill:cursor:relay.example:2470' '{p}:repo_backfill:health:relay.example:2470'"
    )
    assert "label_live:cursor:HOST" in cursor_kept_message("", keys_of({"kind": "Labeler", "metadata": {}, "spec": []}))
    assert keys_of(source("Labeler", redis="x")) == keys_of(source("Labeler"))
    unreadable = {"kind": "Labeler", "metadata": {}, "spec": {}, "status": {"host": "known.example"}}
    assert "label_live:cursor:known.example" in cursor_kept_message("", keys_of(unreadable))
