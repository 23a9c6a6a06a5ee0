"""Others write what the operator writes: a webhook, another field manager, another release, a person with kubectl."""

from __future__ import annotations

import json
import time
from typing import Any, Final

from e2e.tests.situations.catalog.common import STARTING, streaming
from e2e.tests.situations.second_release import SecondRelease
from e2e.tests.situations.situation import Act, Situation, Step, because, via
from e2e.tests.situations.stage import Stage
from e2e.tests.situations.verdicts import Verdict
from e2e.tests.wait import eventually

CPU: Final = {"op": "add", "path": "/spec/template/spec/containers/0/resources/requests/cpu", "value": "20m"}
TUNER: Final = "tuner"
"""The field manager of a slow fight, and what it sets: nothing that would roll the pod."""
TUNED: Final = 321
QUIET_SECONDS: Final = 30
MOST_CALLS: Final = 4
"""In QUIET_SECONDS: an operator that fights writes ten times."""


def cpu_webhook(stage: Stage) -> None:
    stage.webhook(answers={"/cpu": [CPU]}).start()
    stage.register("/cpu", kind="Mutating")
    stage.apply()


def told_as(reason: str, *words: str) -> Act:
    """ChildrenContested holds with that reason and says these words."""

    def look(stage: Stage) -> None:
        found = eventually(
            lambda: stage.condition("ChildrenContested"),
            until=lambda seen: seen.get("reason") == reason,
            within=60,
            every=1,
        )
        for word in words:
            assert word in found["message"], found

    return look


def quiet_about_cpu(stage: Stage) -> None:
    """It is told, it stands as admission wants it, and nobody goes on writing."""
    told_as("SetByAdmission", "cpu", "20m", "podTemplate")(stage)
    before = len(stage.webhook().calls())
    time.sleep(QUIET_SECONDS)
    calls = stage.webhook().calls()[before:]
    assert len(calls) <= MOST_CALLS, calls
    assert stage.condition("ChildrenContested")["reason"] == "SetByAdmission"


def without_webhook(stage: Stage) -> None:
    stage.withdraw("/cpu")
    eventually(lambda: _cpu(stage), until=lambda seen: seen == "5m", within=90, every=3)


def _cpu(stage: Stage) -> str:
    """What the ingester requests, after the operator was asked to try again: a webhook goes after a moment."""
    stage.ask_again()
    [container] = stage.deployment()["spec"]["template"]["spec"]["containers"]
    return str(container["resources"]["requests"]["cpu"])


def not_contested(stage: Stage) -> None:
    eventually(lambda: stage.condition("ChildrenContested"), until=lambda seen: not seen, within=60, every=1)


def fight_slowly(stage: Stage) -> None:
    """Set a field anew each time that it was put right, four times a minute at most, until it is left."""
    for _ in range(8):
        patch = {"spec": {"progressDeadlineSeconds": TUNED}}
        stage.world.kubectl(
            "patch", *stage.deployment_name, "--field-manager", TUNER, "--type=merge", "-p", json.dumps(patch)
        )
        time.sleep(15)
        if _deadline(stage) == TUNED:
            return
    raise AssertionError("the field is put right for ever")


def _deadline(stage: Stage) -> int:
    return int(stage.deployment()["spec"]["progressDeadlineSeconds"])


def peace(stage: Stage) -> None:
    def asked() -> int:
        stage.ask_again()
        return _deadline(stage)

    eventually(asked, until=lambda seen: seen != TUNED, within=60, every=3)


def copy_pod(stage: Stage) -> None:
    """What `kubectl debug --copy-to` makes: the labels stay but for the ReplicaSet's, and the container sleeps."""
    pod = json.loads(stage.world.kubectl("get", "pod", stage.pod(), "-o", "json"))
    labels = {name: value for name, value in pod["metadata"]["labels"].items() if name != "pod-template-hash"}
    [container] = pod["spec"]["containers"]
    container["command"] = ["sleep", "100000"]
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        del container[probe]
    del pod["spec"]["nodeName"]
    metadata = {"name": f"copy-of-{stage.name}", "namespace": stage.world.namespace, "labels": labels}
    stage.world.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod["spec"]})
    stage.world.kubectl("wait", "--for=condition=Ready", f"pod/copy-of-{stage.name}", "--timeout=120s")


def delete_copy(stage: Stage) -> None:
    stage.world.kubectl("delete", "pod", f"copy-of-{stage.name}", "--grace-period=1")


def scale(stage: Stage) -> None:
    stage.world.kubectl("scale", *stage.deployment_name, "--replicas=3")


def one_pod_and_no_restart(stage: Stage) -> None:
    assert stage.pod()
    assert stage.status()["restarts"]["count"] == 0, stage.status()["restarts"]


def second_release(stage: Stage) -> None:
    release = SecondRelease(stage.world)
    release.install()
    said = release.wait_refused()
    assert "sluice-system" in said, said


def untouched(stage: Stage) -> None:
    """The child is as the first release has made it."""
    secret: dict[str, Any] = json.loads(
        stage.world.kubectl("get", "secret", f"{stage.name}-relay-redis-url", "-o", "json")
    )
    assert secret["data"]["url"] == stage.world.encoded_redis_url
    one_pod_and_no_restart(stage)


SITUATIONS: Final = (
    Situation(
        name="admission-sets-cpu",
        seconds=110,
        steps=(
            Step(
                what="a webhook sets a request",
                does=cpu_webhook,
                becomes=Verdict.READY,
                because=because("Streaming"),
                through=STARTING,
                then=quiet_about_cpu,
            ),
            # What it had set is put right, and that rolls the pod.
            Step(what="webhook gone", does=without_webhook, becomes=Verdict.COMING, through=STARTING),
            Step(
                what="rolled out",
                becomes=Verdict.READY,
                because=because("Streaming"),
                through=STARTING,
                stays=3,
                then=not_contested,
            ),
        ),
    ),
    Situation(
        name="slow-fight",
        seconds=120,
        steps=(
            streaming(),
            Step(
                what="a field comes back",
                does=fight_slowly,
                becomes=Verdict.READY,
                because=because("Streaming"),
                stays=5,
                then=told_as("Contested", "progressDeadlineSeconds", str(TUNED), TUNER),
            ),
            Step(what="nobody sets it", does=peace, becomes=Verdict.READY, then=not_contested),
        ),
    ),
    Situation(
        name="second-release",
        seconds=110,
        steps=(
            streaming(),
            Step(
                what="another one installed",
                does=second_release,
                becomes=Verdict.READY,
                because=because("Streaming"),
                stays=20,
                then=untouched,
            ),
            Step(
                what="and uninstalled",
                does=lambda stage: SecondRelease(stage.world).uninstall(),
                becomes=Verdict.READY,
                because=because("Streaming"),
                stays=5,
                then=untouched,
            ),
        ),
    ),
    Situation(
        name="debug-copy",
        seconds=90,
        steps=(
            streaming(),
            Step(
                what="its pod copied",
                does=copy_pod,
                becomes=Verdict.READY,
                because=because("Streaming"),
                stays=40,
            ),
            Step(
                what="copy deleted",
                does=delete_copy,
                becomes=Verdict.READY,
                because=because("Streaming"),
                stays=3,
                then=one_pod_and_no_restart,
            ),
        ),
    ),
    Situation(
        name="scaled",
        seconds=60,
        steps=(
            streaming(),
            Step(
                what="to three pods",
                does=scale,
                becomes=Verdict.READY,
                because=because("Streaming"),
                through=via(Verdict.READY),
                stays=25,
                then=one_pod_and_no_restart,
            ),
        ),
    ),
)
