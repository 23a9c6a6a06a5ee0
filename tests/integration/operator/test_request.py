"""`sluice.dev/reconcile-requested-at`: looked at at once, what was given up tried again, and answered at the end."""

from tests.integration.operator.asking import ANNOTATION, answer, ask
from tests.integration.operator.leaving import lenient
from tests.integration.operator.refusal import deployments_refused
from tests.integration.operator.situation import NAME, Situation, eventually

SOON = 15
"""Seconds: what is given up for a while is not tried again so early."""


def test_it_is_answered_within_seconds(situation: Situation) -> None:
    situation.apply_relay()
    situation.stream()
    assert answer(situation) is None
    for word in ("2026-11-25T01:00:00Z", "again"):
        ask(situation, word)
        eventually(lambda word=word: answer(situation) == word, seconds=SOON)
    ask(situation, "x" * 300)
    eventually(lambda: answer(situation) == "x" * 256, seconds=SOON)
    situation.kubectl("annotate", "relay", NAME, f"{ANNOTATION}-")
    situation.reconciled()
    assert answer(situation) == "x" * 256


def test_of_one_that_is_suspended(situation: Situation) -> None:
    situation.apply_relay(suspend=True)
    situation.becomes("Ready", "True", "Suspended")
    ask(situation, "now")
    eventually(lambda: answer(situation) == "now", seconds=SOON)


def test_of_one_that_is_invalid(situation: Situation) -> None:
    with lenient(situation.control_plane, "host"):
        eventually(lambda: situation.apply_relay(host="a.example/xrpc") is None)
    situation.becomes("Stalled", "True", "InvalidSpec")
    ask(situation, "now")
    eventually(lambda: answer(situation) == "now", seconds=SOON)
    assert situation.condition("Stalled") == ("True", "InvalidSpec")


def test_what_was_refused_is_tried_at_once(situation: Situation) -> None:
    with deployments_refused(situation):
        situation.apply_relay()
        situation.becomes("Stalled", "True", "ChildRefused")
    situation.reconciled()
    assert situation.condition("Stalled") == ("True", "ChildRefused"), "it is remembered for a while"
    ask(situation, "mended")
    situation.becomes("Ready", "False", "PodNotRunning", seconds=SOON)
    eventually(lambda: answer(situation) == "mended", seconds=SOON)


def test_what_was_contested_is_put_right_at_once(situation: Situation) -> None:
    situation.apply_relay(suspend=True)
    situation.becomes("Ready", "True", "Suspended")

    def quarrel() -> bool:
        situation.patch("Deployment", f"{NAME}-firehose", {"spec": {"paused": True}})
        return bool(situation.told("ChildContested"))

    eventually(quarrel)
    situation.reconciled()
    assert situation.deployment()["spec"].get("paused") is True, "it is left as it is for a while"
    ask(situation, "they gave in")
    eventually(lambda: "paused" not in situation.deployment()["spec"], seconds=SOON)
    eventually(lambda: answer(situation) == "they gave in", seconds=SOON)
