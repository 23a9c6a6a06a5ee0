"""Counts unplanned restarts of the ingester, across all pods and all time.

The kubelet's `restartCount` is deleted with its pod. So the status stores which pods were counted, and up to which
number. The count is computed only from this entry and the current pods. So if the operator was down, or reconciles
twice, no restart is lost or counted twice.

These count:

- a restart of a container
- the replacement of a pod by a pod of the same template

These do not count:

- a new template, which is a rollout
- the end of pods of a source that is suspended

The number of recent restarts is computed from the times of the newest ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from sluice_operator.api.ingester_status import CountedPod, RestartsStatus
from sluice_operator.observed.facts.facts import Facts
from sluice_operator.observed.facts.pod import PodFacts
from sluice_operator.status.assessment import Assessment

MAX_TIMES: Final = 20
"""How many restarts are stored with their times, so that the size of a status is limited."""


class RestartReason(StrEnum):
    """Why an ingester was restarted, where no container gave a reason of its own (such as Error or OOMKilled)."""

    POD_REPLACED = "PodReplaced"
    """A new pod of the same template replaced one that is gone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _CountedRestarts:
    """A number of restarts, and the details of the last one."""

    count: int
    reason: str
    exit_code: int | None
    time: datetime


def count_all_restarts(previous: RestartsStatus | None, assessments: Sequence[Assessment]) -> RestartsStatus:
    """The restarts of all streams of a source. A pod replaces only pods of its own stream."""
    restarts, counted = previous or RestartsStatus(), []
    entries, first = restarts.pods or (), assessments[0].facts.component.name
    if assessments[0].facts.pool:
        # All streams run in the same pods. Their restarts are counted once.
        return _in_shared_pods(restarts, assessments)
    for assessment in assessments:
        facts = assessment.facts
        # An entry without a component was written when a source had one stream.
        own = tuple(entry for entry in entries if (entry.component or first) == facts.component.name)
        restarts = count_restarts(
            restarts.model_copy(update={"pods": own}),
            facts.pods,
            should_run=assessment.should_run,
            now=facts.now,
            joined=facts.joined,
        )
        counted += [pod.model_copy(update={"component": facts.component.name}) for pod in restarts.pods or ()]
    return _with_recent(restarts.model_copy(update={"pods": tuple(counted)}), assessments[0].facts)


def _in_shared_pods(previous: RestartsStatus, assessments: Sequence[Assessment]) -> RestartsStatus:
    facts = assessments[0].facts
    pods = {pod.uid: pod for assessment in assessments for pod in assessment.facts.pods}
    restarts = count_restarts(
        previous,
        sorted(pods.values(), key=lambda pod: (pod.created, pod.name)),
        should_run=any(assessment.should_run for assessment in assessments),
        now=facts.now,
        joined=min((joined for one in assessments if (joined := one.facts.joined) is not None), default=None),
    )
    counted = tuple(pod.model_copy(update={"component": facts.component.name}) for pod in restarts.pods or ())
    return _with_recent(restarts.model_copy(update={"pods": counted}), facts)


def count_restarts(
    previous: RestartsStatus | None,
    pods: Sequence[PodFacts],
    *,
    should_run: bool,
    now: datetime,
    joined: datetime | None = None,
) -> RestartsStatus:
    """The restarts after `pods` (the oldest first) were observed, continued from `previous`.

    `should_run` is False while no pod should run. Then deleted pods are dropped, and running ones are exempt. So when
    the source is resumed, its new pod does not count as a replacement.

    `joined` is when the source was added to a pod that it shares. What happened to that pod before does not count.
    """
    previous = previous or RestartsStatus()
    seen = {pod.uid: pod for pod in pods}
    counted = {pod.uid: pod for pod in previous.pods or ()}
    lasts: list[_CountedRestarts] = []

    for uid, entry in list(counted.items()):
        pod = seen.get(uid)
        if pod is not None and pod.restart_count > entry.restart_count:
            lasts.append(_container_restarts(pod, pod.restart_count - entry.restart_count, now=now))
            counted[uid] = _counted_pod(pod)

    for pod in pods:
        if pod.uid in counted or pod.terminating:
            continue
        if joined is not None and pod.created <= joined:
            counted[pod.uid] = _counted_pod(pod)
            continue
        if forerunner := _predecessor(pod, counted, seen):
            lasts.append(_replacement(pod, _gone_reason(counted.pop(forerunner), seen)))
        if pod.restart_count:
            lasts.append(_container_restarts(pod, pod.restart_count, now=now))
        counted[pod.uid] = _counted_pod(pod)

    last = max(lasts, key=lambda last: last.time, default=None)
    times = [time for time in (previous.last_time, last.time if last else None) if time is not None]
    return RestartsStatus(
        count=previous.count + sum(last.count for last in lasts),
        recent_times=_recent(previous, lasts),
        last_reason=last.reason if last else previous.last_reason,
        last_exit_code=last.exit_code if last else previous.last_exit_code,
        # One that is seen late does not make the last one older.
        last_time=max(times, default=None),
        pods=tuple(_pods_to_remember(counted, seen, should_run=should_run)),
    )


def exempt_all(restarts: RestartsStatus | None) -> RestartsStatus | None:
    """`restarts` with all pods exempt, so that no new pod counts as their replacement.

    It is written before the pods are stopped on purpose. Otherwise an operator that is restarted after that would count
    the next pods as replacements.
    """
    if restarts is None or all(pod.template_hash is None for pod in restarts.pods or ()):
        return restarts
    return restarts.model_copy(update={"pods": tuple(map(_exempt, restarts.pods or ()))})


def _recent(previous: RestartsStatus, lasts: Sequence[_CountedRestarts]) -> tuple[datetime, ...]:
    times = [*(previous.recent_times or ())]
    for last in lasts:
        times += [last.time] * min(last.count, MAX_TIMES)
    return tuple(sorted(times)[-MAX_TIMES:])


def _with_recent(restarts: RestartsStatus, facts: Facts) -> RestartsStatus:
    window = facts.windows.stable_window_seconds
    recent = tuple(time for time in restarts.recent_times or () if (facts.now - time).total_seconds() < window)
    return restarts.model_copy(update={"in_window": len(recent), "recent_times": recent or None})


def _predecessor(pod: PodFacts, counted: dict[str, CountedPod], seen: dict[str, PodFacts]) -> str | None:
    """The uid of the counted pod that `pod` replaces: a pod of the same template that is terminating or deleted."""
    for uid, entry in counted.items():
        gone = uid not in seen or seen[uid].terminating
        if gone and entry.template_hash == pod.template_hash:
            return uid
    return None


def _pods_to_remember(
    counted: dict[str, CountedPod], seen: dict[str, PodFacts], *, should_run: bool
) -> list[CountedPod]:
    """The pods to store: those that stay. If there is none, those that can still be replaced."""
    staying = [entry for uid, entry in counted.items() if uid in seen and not seen[uid].terminating]
    if not should_run:
        return [_exempt(entry) for entry in staying]
    return staying or [
        entry.model_copy(update={"gone_reason": _gone_reason(entry, seen)}) for entry in counted.values()
    ]


def _exempt(entry: CountedPod) -> CountedPod:
    """It has no template, so no pod replaces it."""
    return entry if entry.template_hash is None else entry.model_copy(update={"template_hash": None})


def _counted_pod(pod: PodFacts) -> CountedPod:
    return CountedPod(uid=pod.uid, name=pod.name, template_hash=pod.template_hash, restart_count=pod.restart_count)


def _container_restarts(pod: PodFacts, count: int, *, now: datetime) -> _CountedRestarts:
    end = pod.last_termination
    if end is None:
        return _CountedRestarts(count=count, reason="Unknown", exit_code=None, time=now)
    return _CountedRestarts(count=count, reason=end.reason or "Unknown", exit_code=end.exit_code, time=end.time or now)


def _gone_reason(entry: CountedPod, seen: dict[str, PodFacts]) -> str | None:
    """Why that pod is terminated, as Kubernetes reported while it was."""
    pod = seen.get(entry.uid)
    return (pod.gone_reason if pod else None) or entry.gone_reason


def _replacement(pod: PodFacts, gone_reason: str | None) -> _CountedRestarts:
    return _CountedRestarts(count=1, reason=gone_reason or RestartReason.POD_REPLACED, exit_code=None, time=pod.created)
