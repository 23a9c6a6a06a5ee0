"""The annotation `sluice.dev/reconcile-requested-at`: an immediate reconciliation that retries everything."""

from tests.integration.operator.deletion import without_validation
from tests.integration.operator.reconcile_request import ANNOTATION, handled_request, request_reconcile
from tests.integration.operator.refused_deployments import deployments_refused
from tests.integration.operator.situation import NAME, Situation, eventually

SOON = 15
"""Seconds: shorter than the delay of a retry without a request."""


def test_a_request_is_acknowledged_within_seconds(situation: Situation) -> None:
    situation.apply_relay()
    situation.stream()
    assert handled_request(situation) is None
    for value in ("2026-11-25T01:00:00Z", "again"):
        request_reconcile(situation, value)
        eventually(lambda value=value: handled_request(situation) == value, seconds=SOON)
    request_reconcile(situation, "x" * 300)
    eventually(lambda: handled_request(situation) == "x" * 256, seconds=SOON)
    situation.kubectl("annotate", "relay", NAME, f"{ANNOTATION}-")
    situation.wait_reconciled()
    assert handled_request(situation) == "x" * 256


def test_a_request_for_a_suspended_resource(situation: Situation) -> None:
    situation.apply_relay(suspend=True)
    situation.wait_condition("Ready", "True", "Suspended")
    request_reconcile(situation, "now")
    eventually(lambda: handled_request(situation) == "now", seconds=SOON)


def test_a_request_for_an_invalid_resource(situation: Situation) -> None:
    with without_validation(situation.control_plane, "host"):
        eventually(lambda: situation.apply_relay(host="a.example/xrpc") is None)
    situation.wait_condition("Stalled", "True", "InvalidSpec")
    request_reconcile(situation, "now")
    eventually(lambda: handled_request(situation) == "now", seconds=SOON)
    assert situation.condition("Stalled") == ("True", "InvalidSpec")


def test_a_request_retries_a_refused_child_at_once(situation: Situation) -> None:
    with deployments_refused(situation):
        situation.apply_relay()
        situation.wait_condition("Stalled", "True", "ChildRefused")
    situation.wait_reconciled()
    assert situation.condition("Stalled") == ("True", "ChildRefused"), "the refusal is remembered for a while"
    request_reconcile(situation, "mended")
    situation.wait_condition("Ready", "False", "PodNotRunning", seconds=SOON)
    eventually(lambda: handled_request(situation) == "mended", seconds=SOON)


def test_a_request_restores_a_contested_field_at_once(situation: Situation) -> None:
    situation.apply_relay(suspend=True)
    situation.wait_condition("Ready", "True", "Suspended")
    situation.contest_deployment()
    situation.wait_reconciled()
    assert situation.deployment()["spec"].get("paused") is True, "the contested field is left for a while"
    request_reconcile(situation, "they gave in")
    eventually(lambda: "paused" not in situation.deployment()["spec"], seconds=SOON)
    eventually(lambda: handled_request(situation) == "they gave in", seconds=SOON)
