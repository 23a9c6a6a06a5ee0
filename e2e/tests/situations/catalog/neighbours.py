"""Others write to the operator's objects: a webhook, a field manager, another release, a person with kubectl."""

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
"""A field manager, and the value that it sets again and again in a field that does not roll the pod."""
TUNED: Final = 321
QUIET_SECONDS: Final = 30
MOST_CALLS: Final = 4
"""In QUIET_SECONDS: an operator that does not yield writes ten times."""


def cpu_webhook(stage: Stage) -> None:
    stage.webhook(answers={"/cpu": [CPU]}).start()
    stage.register("/cpu", kind="Mutating")
    stage.apply()


def contested_as(reason: str, *words: str) -> Act:
    """ChildrenContested is there with that reason, and its message contains these words."""

    def look(stage: Stage) -> None:
        found = eventually(
            lambda: stage.condition("ChildrenContested"),
            until=lambda seen: seen.get("reason") == reason,
            every=0.5,
        )
        for word in words:
            assert word in found["message"], found

    return look


def quiet_about_cpu(stage: Stage) -> None:
    """A condition reports it, the value is the one of the webhook, and the operator stops writing."""
    contested_as("SetByAdmission", "cpu", "20m", "podTemplate")(stage)
    before = len(stage.webhook().calls())
    time.sleep(QUIET_SECONDS)
    calls = stage.webhook().calls()[before:]
    assert len(calls) <= MOST_CALLS, calls
    assert stage.condition("ChildrenContested")["reason"] == "SetByAdmission"


def without_webhook(stage: Stage) -> None:
    stage.withdraw("/cpu")
    eventually(lambda: _cpu(stage), until=lambda seen: seen == "5m", every=3)


def _cpu(stage: Stage) -> str:
    """The CPU request of the ingester, after the operator was asked to try again: a webhook goes after a moment."""
    stage.ask_again()
    [container] = stage.deployment()["spec"]["template"]["spec"]["containers"]
    return str(container["resources"]["requests"]["cpu"])


def not_contested(stage: Stage) -> None:
    eventually(lambda: stage.condition("ChildrenContested"), until=lambda seen: not seen, every=0.5)


def contest(stage: Stage) -> None:
    """Set a field each time that the operator has put it right, until the operator leaves it as it is.

    The operator counts how often a value returns, not how fast.
    """
    patch = {"spec": {"progressDeadlineSeconds": TUNED}}
    for _ in range(8):
        stage.world.kubectl(
            "patch", *stage.deployment_name, "--field-manager", TUNER, "--type=merge", "-p", json.dumps(patch)
        )
        eventually(lambda: _is_put_right(stage) or _is_left(stage), until=bool, every=0.5)
        if _is_left(stage):
            return
    raise AssertionError("the operator never leaves the field as it is")


def _is_put_right(stage: Stage) -> bool:
    return _deadline(stage) != TUNED


def _is_left(stage: Stage) -> bool:
    return bool(stage.condition("ChildrenContested")) and not _is_put_right(stage)


def _deadline(stage: Stage) -> int:
    return int(stage.deployment()["spec"]["progressDeadlineSeconds"])


def peace(stage: Stage) -> None:
    def asked() -> int:
        stage.ask_again()
        return _deadline(stage)

    eventually(asked, until=lambda seen: seen != TUNED, every=3)


def copy_pod(stage: Stage) -> None:
    """Create what `kubectl debug --copy-to` creates: the same labels without that of the ReplicaSet, a sleeping pod."""
    pod = json.loads(stage.world.kubectl("get", "pod", stage.pod(), "-o", "json"))
    labels = {name: value for name, value in pod["metadata"]["labels"].items() if name != "pod-template-hash"}
    [container] = pod["spec"]["containers"]
    container["command"] = ["sleep", "100000"]
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        del container[probe]
    del pod["spec"]["nodeName"]
    metadata = {"name": f"copy-of-{stage.name}", "namespace": stage.world.namespace, "labels": labels}
    stage.world.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod["spec"]})
    stage.world.kubectl("wait", "--for=condition=Ready", f"pod/copy-of-{stage.name}", "--timeout=240s")


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
    assert stage.world.installation.release.namespace in said, said


def untouched(stage: Stage) -> None:
    """The child is as the first release wrote it."""
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
            # The operator puts its value right, and that rolls the pod.
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
        name="contested-field",
        seconds=120,
        steps=(
            streaming(),
            Step(
                what="a field comes back",
                does=contest,
                becomes=Verdict.READY,
                because=because("Streaming"),
                stays=5,
                then=contested_as("Contested", "progressDeadlineSeconds", str(TUNED), TUNER),
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
