"""Others write to the operator's objects: a webhook, a field manager, another release, a person with kubectl."""

from __future__ import annotations

import json
import time
from typing import Any, Final

from e2e.tests.situations.catalog.common import STARTING, streaming
from e2e.tests.situations.second_release import SecondRelease
from e2e.tests.situations.situation import Act, Situation, Step, because, via
from e2e.tests.situations.subject import Subject
from e2e.tests.situations.verdicts import Verdict
from e2e.tests.wait import eventually

CPU: Final = {"op": "add", "path": "/spec/template/spec/containers/0/resources/requests/cpu", "value": "20m"}
TUNER: Final = "tuner"
"""A field manager that repeatedly sets a field. The field does not roll the pod."""
TUNED: Final = 321
QUIET_SECONDS: Final = 30
MOST_CALLS: Final = 4
"""In QUIET_SECONDS. An operator that does not stop would write ten times."""


def cpu_webhook(subject: Subject) -> None:
    subject.webhook(answers={"/cpu": [CPU]}).start()
    subject.register("/cpu", kind="Mutating")
    subject.apply()


def contested_as(reason: str, *words: str) -> Act:
    """ChildrenContested must have that reason, and its message must contain these words."""

    def check(subject: Subject) -> None:
        found = eventually(
            lambda: subject.condition("ChildrenContested"),
            until=lambda seen: seen.get("reason") == reason,
            every=0.5,
        )
        for word in words:
            assert word in found["message"], found

    return check


def quiet_about_cpu(subject: Subject) -> None:
    """A condition reports the value of the webhook, and the operator stops writing."""
    contested_as("SetByAdmission", "cpu", "20m", "podTemplate")(subject)
    before = len(subject.webhook().calls())
    time.sleep(QUIET_SECONDS)
    calls = subject.webhook().calls()[before:]
    assert len(calls) <= MOST_CALLS, calls
    assert subject.condition("ChildrenContested")["reason"] == "SetByAdmission"


def without_webhook(subject: Subject) -> None:
    subject.withdraw("/cpu")
    eventually(lambda: _cpu(subject), until=lambda seen: seen == "5m", every=3)


def _cpu(subject: Subject) -> str:
    """The CPU request of the ingester after a requested retry: the API server drops a webhook after a moment."""
    subject.ask_again()
    [container] = subject.deployment()["spec"]["template"]["spec"]["containers"]
    return str(container["resources"]["requests"]["cpu"])


def not_contested(subject: Subject) -> None:
    eventually(lambda: subject.condition("ChildrenContested"), until=lambda seen: not seen, every=0.5)


def contest(subject: Subject) -> None:
    """Set a field each time the operator has reverted it, until the operator leaves it.

    The operator counts how often a value returns, not how fast.
    """
    patch = {"spec": {"progressDeadlineSeconds": TUNED}}
    for _ in range(8):
        subject.environment.kubectl(
            "patch", *subject.deployment_name, "--field-manager", TUNER, "--type=merge", "-p", json.dumps(patch)
        )
        eventually(lambda: _is_reverted(subject) or _is_left(subject), until=bool, every=0.5)
        if _is_left(subject):
            return
    raise AssertionError("the operator never leaves the field")


def _is_reverted(subject: Subject) -> bool:
    return _deadline(subject) != TUNED


def _is_left(subject: Subject) -> bool:
    return bool(subject.condition("ChildrenContested")) and not _is_reverted(subject)


def _deadline(subject: Subject) -> int:
    return int(subject.deployment()["spec"]["progressDeadlineSeconds"])


def stop_contest(subject: Subject) -> None:
    def after_retry() -> int:
        subject.ask_again()
        return _deadline(subject)

    eventually(after_retry, until=lambda seen: seen != TUNED, every=3)


def copy_pod(subject: Subject) -> None:
    """Create a sleeping copy of the pod as `kubectl debug --copy-to` does: all labels except that of the ReplicaSet."""
    pod = json.loads(subject.environment.kubectl("get", "pod", subject.pod(), "-o", "json"))
    labels = {name: value for name, value in pod["metadata"]["labels"].items() if name != "pod-template-hash"}
    [container] = pod["spec"]["containers"]
    container["command"] = ["sleep", "100000"]
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        del container[probe]
    del pod["spec"]["nodeName"]
    metadata = {"name": f"copy-of-{subject.name}", "namespace": subject.environment.namespace, "labels": labels}
    subject.environment.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod["spec"]})
    subject.environment.kubectl("wait", "--for=condition=Ready", f"pod/copy-of-{subject.name}", "--timeout=280s")


def delete_copy(subject: Subject) -> None:
    subject.environment.kubectl("delete", "pod", f"copy-of-{subject.name}", "--grace-period=1")


def scale(subject: Subject) -> None:
    subject.environment.kubectl("scale", *subject.deployment_name, "--replicas=3")


def one_pod_and_no_restart(subject: Subject) -> None:
    assert subject.pod()
    assert subject.status()["restarts"]["count"] == 0, subject.status()["restarts"]


def second_release(subject: Subject) -> None:
    release = SecondRelease(subject.environment)
    release.install()
    line = release.wait_refused()
    assert subject.environment.installation.release.namespace in line, line


def untouched(subject: Subject) -> None:
    """The child must be as the first release wrote it."""
    secret: dict[str, Any] = json.loads(subject.environment.kubectl("get", "secret", "sluice-redis-url", "-o", "json"))
    assert secret["data"]["url"] == subject.environment.encoded_redis_url
    one_pod_and_no_restart(subject)


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
            # The operator restores its value, and that rolls the pod.
            Step(what="webhook removed", does=without_webhook, becomes=Verdict.PROGRESSING, through=STARTING),
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
                what="a field is set repeatedly",
                does=contest,
                becomes=Verdict.READY,
                because=because("Streaming"),
                stays=5,
                then=contested_as("Contested", "progressDeadlineSeconds", str(TUNED), TUNER),
            ),
            Step(what="nobody sets it any more", does=stop_contest, becomes=Verdict.READY, then=not_contested),
        ),
    ),
    Situation(
        name="second-release",
        seconds=110,
        steps=(
            streaming(),
            Step(
                what="second release installed",
                does=second_release,
                becomes=Verdict.READY,
                because=because("Streaming"),
                stays=20,
                then=untouched,
            ),
            Step(
                what="second release uninstalled",
                does=lambda subject: SecondRelease(subject.environment).uninstall(),
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
                what="pod copied",
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
                what="scaled to three pods",
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
