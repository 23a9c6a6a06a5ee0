"""The condition SeveralWriters: whether more than one ingester writes the stream, and how to stop the others.

Each batch is stored by one of them, so nothing is lost or stored twice. But they slow each other down, and the numbers
in the status alternate between them. This condition does not affect Ready.
"""

from collections.abc import Mapping
from typing import Final

from sluice_operator.api.conditions import Condition
from sluice_operator.api.conditions import ConditionType as Type
from sluice_operator.observed.facts.pod import PodFacts
from sluice_operator.observed.facts.writers import ForeignWriter
from sluice_operator.status.assessment import Assessment
from sluice_operator.status.condition_reasons import ConditionReason
from sluice_operator.status.condition_times import ConditionDraft, true

_OVERLAP_SECONDS: Final = 30.0
"""How long pods of two templates may run at the same time, as in a rollout."""
_FOREIGN_SECONDS: Final = 15.0
"""How long an ingester of another owner must write before it is reported. A pod that was just deleted may have written.
"""
_MAX_NAMES: Final = 5
_TOO: Final = "writes this stream too"


def several_writers(assessment: Assessment, previous: Mapping[str, Condition]) -> list[ConditionDraft]:
    """The condition. Empty if at most one ingester writes."""
    before = previous.get(Type.SEVERAL_WRITERS)
    extra = _extra_pods(assessment) if assessment.should_run else []
    foreign = [one for one in assessment.facts.writers.foreign if _is_still_writing(one, before)]
    sentences = [
        *([_pods_sentence(assessment, extra)] if extra else []),
        *(_foreign_sentence(assessment, one) for one in foreign),
    ]
    if not sentences:
        return []
    reason = ConditionReason.EXTRA_PODS if extra else ConditionReason.OTHER_INGESTER
    return [true(Type.SEVERAL_WRITERS, reason, ". ".join(sentences))]


def _extra_pods(assessment: Assessment) -> list[PodFacts]:
    """The running pods of the Deployment other than the one that counts."""
    current, now = assessment.pod, assessment.facts.now
    if current is None or current.running_since is None:
        return []
    return [
        pod
        for pod in assessment.facts.pods
        if not pod.terminating
        and pod.running_since is not None
        and pod.uid != current.uid
        and (
            pod.template_hash == current.template_hash
            or (now - max(pod.running_since, current.running_since)).total_seconds() > _OVERLAP_SECONDS
        )
    ]


def _is_still_writing(foreign: ForeignWriter, before: Condition | None) -> bool:
    """Whether that ingester continues to write. A new operator process trusts the existing condition."""
    return foreign.writing_seconds >= _FOREIGN_SECONDS or (
        before is not None and f" {foreign.name} {_TOO}" in before.message
    )


def _pods_sentence(assessment: Assessment, extra: list[PodFacts]) -> str:
    facts = assessment.facts
    pods = " ".join(pod.name for pod in extra[:_MAX_NAMES])
    what = f"The Deployment {facts.child} runs more than one ingester pod. Extra pods: {pods}"
    if facts.deployment is not None and facts.deployment.replicas > 1:
        command = f"kubectl scale deployment {facts.child} --replicas=1 -n {facts.namespace}"
        return (
            f"{what}. Stop them with `{command}`. If something scales the Deployment, such as a "
            "HorizontalPodAutoscaler, delete that"
        )
    return f"{what}. Stop them with `kubectl delete pod {pods} -n {facts.namespace}`"


def _foreign_sentence(assessment: Assessment, foreign: ForeignWriter) -> str:
    facts = assessment.facts
    delete = f"kubectl delete pod {foreign.name} -n {facts.namespace}"
    if foreign.name in facts.copies:
        return f"The pod {foreign.name} {_TOO}, but the Deployment {facts.child} did not create it. Stop it: `{delete}`"
    return (
        f"An ingester that calls itself {foreign.name} {_TOO}, but no pod of this resource has that name. "
        f"Stop it (`{delete}` if it is a pod there), or give one of the two another spec.redis.keyPrefix"
    )
