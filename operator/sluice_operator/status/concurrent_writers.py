"""Whether several ingesters write one stream, and what ends it.

Nothing is lost or doubled while they do, for each batch is stored by one of them. But they hinder each other, and what
the status counts is told by one after the other. So it is a condition of its own, and takes nothing from Ready.
"""

from collections.abc import Mapping
from typing import Final

from sluice_operator.api.conditions import Condition
from sluice_operator.api.conditions import ConditionType as Type
from sluice_operator.observed.facts import ForeignWriter, PodFacts
from sluice_operator.status.assessment import Assessment
from sluice_operator.status.condition_times import ConditionDraft, true
from sluice_operator.status.reasons import ConditionReason

_OVERLAP_SECONDS: Final = 30.0
"""For how long pods of two templates may run side by side, as in a rollout."""
_FOREIGN_SECONDS: Final = 15.0
"""For how long somebody must go on writing to be told of: a pod that has just gone has written until then."""
_MAX_NAMES: Final = 5
_TOO: Final = "writes this stream too"


def several_writers(assessment: Assessment, previous: Mapping[str, Condition]) -> list[ConditionDraft]:
    """The condition that tells of it; nothing if one ingester writes, or none."""
    told = previous.get(Type.SEVERAL_WRITERS)
    extra = _extra_pods(assessment) if assessment.should_run else []
    foreign = [one for one in assessment.facts.writers.foreign if _is_still_writing(one, told)]
    sentences = [
        *([_pods_sentence(assessment, extra)] if extra else []),
        *(_foreign_sentence(assessment, one) for one in foreign),
    ]
    if not sentences:
        return []
    reason = ConditionReason.EXTRA_PODS if extra else ConditionReason.OTHER_INGESTER
    return [true(Type.SEVERAL_WRITERS, reason, ". ".join(sentences))]


def _extra_pods(assessment: Assessment) -> list[PodFacts]:
    """The pods of the Deployment that run beside the one that counts."""
    counts, now = assessment.pod, assessment.facts.now
    if counts is None or counts.running_since is None:
        return []
    return [
        pod
        for pod in assessment.facts.pods
        if not pod.terminating
        and pod.running_since is not None
        and pod.uid != counts.uid
        and (
            pod.template_hash == counts.template_hash
            or (now - max(pod.running_since, counts.running_since)).total_seconds() > _OVERLAP_SECONDS
        )
    ]


def _is_still_writing(foreign: ForeignWriter, told: Condition | None) -> bool:
    """Whether somebody else writes. An operator that was just started believes what the one before it has told."""
    return foreign.writing_seconds >= _FOREIGN_SECONDS or (
        told is not None and f" {foreign.name} {_TOO}" in told.message
    )


def _pods_sentence(assessment: Assessment, extra: list[PodFacts]) -> str:
    facts = assessment.facts
    pods = " ".join(pod.name for pod in extra[:_MAX_NAMES])
    what = f"The Deployment {facts.child} runs more pods than the one that is needed: {pods}"
    if facts.deployment is not None and facts.deployment.replicas > 1:
        command = f"kubectl scale deployment {facts.child} --replicas=1 -n {facts.namespace}"
        return (
            f"{what}; `{command}` ends them, unless something scales it, such as a HorizontalPodAutoscaler: delete that"
        )
    return f"{what}; `kubectl delete pod {pods} -n {facts.namespace}` ends them"


def _foreign_sentence(assessment: Assessment, foreign: ForeignWriter) -> str:
    facts = assessment.facts
    delete = f"kubectl delete pod {foreign.name} -n {facts.namespace}"
    if foreign.name in facts.copies:
        return f"The pod {foreign.name} {_TOO}, and the Deployment {facts.child} has not made it; `{delete}` ends it"
    return (
        f"An ingester that calls itself {foreign.name} {_TOO}, and no pod of this resource has that "
        f"name; end it (`{delete}` if it is a pod there), or give one of the two other keys (spec.redis.keyPrefix)"
    )
