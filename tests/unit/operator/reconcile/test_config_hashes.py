"""The configuration hashes of pods: a new hash makes a new pod, and an unreadable object changes nothing."""

from typing import Any

import pytest

from sluice_operator.api.relay import Relay
from sluice_operator.desired.naming import CA_HASH_ANNOTATION as CA
from sluice_operator.desired.naming import REDIS_HASH_ANNOTATION as REDIS
from sluice_operator.desired.naming import REDIS_TLS_HASH_ANNOTATION as TLS
from sluice_operator.reconcile.config_hashes import change_events, desired_hashes

BUNDLE = {"caBundle": {"configMapRef": {"name": "ca"}}}
RUNNING = {REDIS: "r1", TLS: "c1", CA: "a1"}


def source(**spec: Any) -> Relay:
    metadata = {"name": "us-east", "namespace": "events", "uid": "u-1"}
    return Relay.parse({"metadata": metadata, "spec": {"host": "relay.example.com", **spec}})


def live(**annotations: str) -> dict[str, Any]:
    return {"spec": {"template": {"metadata": {"annotations": {**annotations, "other": "x"}}}}}


@pytest.mark.parametrize(
    ("running", "found", "spec", "expected"),
    [
        ({}, {}, BUNDLE, {}),
        ({}, {REDIS: "r1", TLS: "", CA: None}, BUNDLE, {REDIS: "r1"}),
        (RUNNING, {REDIS: None, TLS: None, CA: None}, BUNDLE, RUNNING),
        (RUNNING, {}, BUNDLE, RUNNING),
        (RUNNING, {REDIS: "r2", TLS: "c2", CA: "a2"}, BUNDLE, {REDIS: "r2", TLS: "c2", CA: "a2"}),
        (RUNNING, {REDIS: "r1", TLS: "", CA: "a1"}, BUNDLE, {REDIS: "r1", CA: "a1"}),
        (RUNNING, {REDIS: "r1", TLS: "c1", CA: None}, {}, {REDIS: "r1", TLS: "c1"}),
    ],
)
def test_the_hashes_of_a_pod(
    running: dict[str, str], found: dict[str, str | None], spec: dict[str, Any], expected: dict[str, str]
) -> None:
    assert desired_hashes(live(**running), found=found, source=source(**spec)) == expected


def test_without_a_deployment_the_current_hashes_are_used() -> None:
    assert desired_hashes(None, found={REDIS: "r1"}, source=source()) == {REDIS: "r1"}
    assert change_events(None, {REDIS: "r1"}) == []


def test_a_changed_hash_records_an_event_and_a_first_hash_does_not() -> None:
    assert change_events(live(**RUNNING), RUNNING) == []
    assert change_events(live(**{REDIS: "r1"}), RUNNING) == []
    assert change_events(live(**RUNNING), {REDIS: "r1"}) == []
    reasons = [event.reason for event in change_events(live(**RUNNING), {REDIS: "r2", TLS: "c2", CA: "a2"})]
    assert reasons == ["SecretChanged", "SecretChanged", "CABundleChanged"]
