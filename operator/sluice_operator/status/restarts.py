"""Counting the restarts that nobody asked for, over all pods and all time.

A kubelet's `restartCount` dies with its pod, so the status remembers what was already counted of which
pod; the count is made from that memory and what is there now, and nothing else. That is why an operator
that was away, or looks twice at the same thing, neither loses a restart nor counts one twice.

A container that restarts counts, and so does a pod whose place another pod of the same template takes. A
new template is a rollout, and a suspended source's pods are gone because somebody wanted them gone:
neither counts.

How many of them are recent is counted from their times, of which the newest are remembered.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sluice_operator.api.source_status import CountedPod, RestartsStatus
from sluice_operator.observed.facts import Facts, PodFacts
from sluice_operator.status.assessment import Assessment
from sluice_operator.status.reasons import RestartReason

MAX_TIMES: Final = 20
"""So many restarts are remembered with their times, so that a status doesn't grow without a limit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _CountedRestarts:
    """Restarts, of which the last is known."""

    count: int
    reason: str
    exit_code: int | None
    time: datetime


def count_all_restarts(previous: RestartsStatus | None, assessments: Sequence[Assessment]) -> RestartsStatus:
    """The restarts of all streams of a source, each of which replaces no pods but its own."""
    restarts, counted = previous or RestartsStatus(), []
    memories, first = restarts.pods or (), assessments[0].facts.component
    for reading in assessments:
        facts = reading.facts
        # A memory without a component is of a time when a source had one stream.
        own = tuple(memory for memory in memories if (memory.component or first) == facts.component)
        restarts = count_restarts(
            restarts.model_copy(update={"pods": own}), facts.pods, should_run=reading.should_run, now=facts.now
        )
        counted += [pod.model_copy(update={"component": facts.component.value}) for pod in restarts.pods or ()]
    recent = _in_window(restarts, assessments[0].facts)
    return restarts.model_copy(
        update={"pods": tuple(counted), "in_window": len(recent), "recent_times": recent or None}
    )


def count_restarts(
    previous: RestartsStatus | None, pods: Sequence[PodFacts], *, should_run: bool, now: datetime
) -> RestartsStatus:
    """The restarts after `pods` (the oldest first) were seen, with `previous` as the memory.

    `wanted` is False while no pod should run: then a pod that goes is forgotten and one that is there is
    spared, so that the pod that comes when the source is resumed stands for itself.
    """
    previous = previous or RestartsStatus()
    seen = {pod.uid: pod for pod in pods}
    counted = {pod.uid: pod for pod in previous.pods or ()}
    lasts: list[_CountedRestarts] = []

    for uid, memory in list(counted.items()):
        pod = seen.get(uid)
        if pod is not None and pod.restart_count > memory.restart_count:
            lasts.append(_container_restarts(pod, pod.restart_count - memory.restart_count, now=now))
            counted[uid] = _counted_pod(pod)

    for pod in pods:
        if pod.uid in counted or pod.terminating:
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
    """`restarts` with all pods free to go, to be written down before they are stopped because somebody wants it.

    An operator that ends right after it has stopped them, and begins when they are wanted again, would count
    those that come as replacements.
    """
    if restarts is None or all(pod.template_hash is None for pod in restarts.pods or ()):
        return restarts
    return restarts.model_copy(update={"pods": tuple(map(_exempt, restarts.pods or ()))})


def _recent(previous: RestartsStatus, lasts: Sequence[_CountedRestarts]) -> tuple[datetime, ...]:
    times = [*(previous.recent_times or ())]
    for last in lasts:
        times += [last.time] * min(last.count, MAX_TIMES)
    return tuple(sorted(times)[-MAX_TIMES:])


def _in_window(restarts: RestartsStatus, facts: Facts) -> tuple[datetime, ...]:
    window = facts.windows.stable_window_seconds
    return tuple(time for time in restarts.recent_times or () if (facts.now - time).total_seconds() < window)


def _predecessor(pod: PodFacts, counted: dict[str, CountedPod], seen: dict[str, PodFacts]) -> str | None:
    """The uid of the counted pod whose place `pod` takes: of the same template, and on its way out or
    gone.
    """
    for uid, memory in counted.items():
        gone = uid not in seen or seen[uid].terminating
        if gone and memory.template_hash == pod.template_hash:
            return uid
    return None


def _pods_to_remember(
    counted: dict[str, CountedPod], seen: dict[str, PodFacts], *, should_run: bool
) -> list[CountedPod]:
    """What to remember: the pods that stay, or until one is there, those that may yet be replaced."""
    staying = [memory for uid, memory in counted.items() if uid in seen and not seen[uid].terminating]
    if not should_run:
        return [_exempt(memory) for memory in staying]
    return staying or [
        memory.model_copy(update={"gone_reason": _gone_reason(memory, seen)}) for memory in counted.values()
    ]


def _exempt(memory: CountedPod) -> CountedPod:
    """No pod is of no template, so none takes the place of this one."""
    return memory if memory.template_hash is None else memory.model_copy(update={"template_hash": None})


def _counted_pod(pod: PodFacts) -> CountedPod:
    return CountedPod(uid=pod.uid, name=pod.name, template_hash=pod.template_hash, restart_count=pod.restart_count)


def _container_restarts(pod: PodFacts, count: int, *, now: datetime) -> _CountedRestarts:
    end = pod.last_termination
    if end is None:
        return _CountedRestarts(count=count, reason="Unknown", exit_code=None, time=now)
    return _CountedRestarts(count=count, reason=end.reason or "Unknown", exit_code=end.exit_code, time=end.time or now)


def _gone_reason(memory: CountedPod, seen: dict[str, PodFacts]) -> str | None:
    """Why that pod leaves, or has left: it was said while it did."""
    pod = seen.get(memory.uid)
    return (pod.gone_reason if pod else None) or memory.gone_reason


def _replacement(pod: PodFacts, gone_reason: str | None) -> _CountedRestarts:
    return _CountedRestarts(count=1, reason=gone_reason or RestartReason.POD_REPLACED, exit_code=None, time=pod.created)
