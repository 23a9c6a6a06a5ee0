"""`sluice.dev/reconcile-requested-at`: looked at at once, what was given up tried again, and answered at the end."""

import time

from tests.integration.operator.refusal import deployments_refused
from tests.integration.operator.situation import NAME, Situation, eventually
from tests.integration.operator.test_steady import any_host

ANNOTATION = "sluice.dev/reconcile-requested-at"


def ask(situation: Situation, word: str) -> None:
    situation.kubectl("annotate", "--overwrite", situation.kind.lower(), NAME, f"{ANNOTATION}={word}")


def answer(situation: Situation) -> str | None:
    found: str | None = situation.status().get("lastHandledReconcileAt")
    return found


def test_it_is_answered_within_seconds(situation: Situation) -> None:
    situation.apply_relay()
    situation.stream()
    assert answer(situation) is None
    for word in ("2026-11-25T01:00:00Z", "again"):
        ask(situation, word)
        eventually(lambda word=word: answer(situation) == word, seconds=5)
    ask(situation, "x" * 300)
    eventually(lambda: answer(situation) == "x" * 256, seconds=5)
    situation.kubectl("annotate", "relay", NAME, f"{ANNOTATION}-")
    time.sleep(2)
    assert answer(situation) == "x" * 256


def test_of_one_that_is_suspended(situation: Situation) -> None:
    situation.apply_relay(suspend=True)
    situation.becomes("Ready", "True", "Suspended")
    ask(situation, "now")
    eventually(lambda: answer(situation) == "now", seconds=5)


def test_of_one_that_is_invalid(situation: Situation) -> None:
    with any_host(situation.control_plane):
        eventually(lambda: situation.apply_relay(host="a.example/xrpc") is None)
    situation.becomes("Stalled", "True", "InvalidSpec")
    ask(situation, "now")
    eventually(lambda: answer(situation) == "now", seconds=5)
    assert situation.condition("Stalled") == ("True", "InvalidSpec")


def test_what_was_refused_is_tried_at_once(situation: Situation) -> None:
    with deployments_refused(situation):
        situation.apply_relay()
        situation.becomes("Stalled", "True", "ChildRefused")
    time.sleep(4)
    assert situation.condition("Stalled") == ("True", "ChildRefused"), "it is remembered for a while"
    ask(situation, "mended")
    situation.becomes("Ready", "False", "PodNotRunning", seconds=5)
    assert answer(situation) == "mended"


def test_what_was_contested_is_put_right_at_once(situation: Situation) -> None:
    situation.apply_relay(suspend=True)
    situation.becomes("Ready", "True", "Suspended")

    def quarrel() -> bool:
        situation.patch("Deployment", f"{NAME}-firehose", {"spec": {"paused": True}})
        return bool(situation.told("ChildContested"))

    eventually(quarrel, seconds=30)
    time.sleep(4)
    assert situation.deployment()["spec"].get("paused") is True, "it is left as it is for a while"
    ask(situation, "they gave in")
    eventually(lambda: "paused" not in situation.deployment()["spec"], seconds=5)
    eventually(lambda: answer(situation) == "they gave in", seconds=5)
