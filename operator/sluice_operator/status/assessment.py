"""Assesses the facts of a stream: which pod counts, and whether the report in Redis can be trusted.

A health hash remains in Redis after the process that wrote it. So it is trusted only if it is recent, and if the
running process wrote it. All other modules of this package use the assessed report.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sluice_operator.observed.facts.facts import Facts
from sluice_operator.observed.facts.health import HealthFacts
from sluice_operator.observed.facts.pod import PodFacts
from sluice_operator.observed.report_age import FRESH_SECONDS
from sluice_operator.status.condition_reasons import ConditionReason
from sluice_redis.contract import SourceState

_START_SLACK_SECONDS: Final = 2.0  # the kubelet writes the start of a container in whole seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class Assessment:
    """The facts of a stream and what follows from them."""

    facts: Facts
    pod: PodFacts | None
    """The pod that counts: of those of the newest template that are not terminating, the one that has run longest. If
    none runs, the newest.
    """
    report: HealthFacts | None
    """The recent report of the ingester in that pod, or else in another pod of the stream."""
    silent: bool
    """Whether the ingester should have reported by now and has not, although Redis can be read."""

    applied: bool = False
    """Whether the Deployment was written for this generation of the spec."""

    stays_suspended: bool = False
    """Whether the source is suspended, the end of its ingesters was reported, and none of them runs again."""

    recovering: bool = False
    """Whether Redis was away and the pod has not had time to report since."""

    @property
    def should_run(self) -> bool:
        """Whether an ingester should run."""
        return self.is_requested and not self.facts.owner

    @property
    def is_requested(self) -> bool:
        """Whether the spec requires a running ingester, even if another source owns the cursor."""
        return self.facts.enabled and not self.facts.suspended

    @property
    def may_be_quiet(self) -> bool:
        """Whether the source may be quiet for any time. People create labels, so a labeler sends few."""
        return self.facts.windows.quiet_after_seconds == 0

    def age(self, time: datetime) -> float:
        """How many seconds ago `time` was, a time by the ingester's clock, even if that clock is wrong."""
        report = self.report
        if report is None or report.heartbeat is None or report.silent_seconds is None:
            return (self.facts.now - time).total_seconds()
        return report.silent_seconds + (report.heartbeat - time).total_seconds()

    @property
    def message(self) -> str:
        """The ingester's own message, or one that describes its state."""
        if self.report is not None and self.report.message:
            return self.report.message
        state = self.report.state if self.report else None
        if state is SourceState.HALTED:
            return "The ingester has halted: read its log"
        if state is SourceState.BACKPRESSURE:
            return "Redis takes no events. The ingester has stopped reading until it does, and nothing is lost"
        return f"Connecting to {self.facts.host}"

    @property
    def current_pod_report(self) -> HealthFacts | None:
        """The report, if it is that of the pod that counts.

        Counters since the start of a process make no sense if they come from several processes in turn.
        """
        own = self.report is not None and self.pod is not None and self.report.pod == self.pod.name
        return self.report if own else None

    @property
    def running(self) -> bool:
        """Whether an ingester runs."""
        return self.pod is not None and self.pod.running_since is not None

    @property
    def is_unobservable(self) -> bool:
        """Whether an ingester runs as it should, but its state is unknown."""
        sink = self.facts.sink
        blind = sink is None or sink.failure is not None or self.silent or self.recovering
        return self.should_run and self.running and blind

    @property
    def stopped(self) -> bool:
        """Whether no ingester runs any more.

        The ReplicaSet controller may create a pod late and delete it at once. After the stop was reported, such a pod
        counts only if it runs.
        """
        return self.stays_suspended or all(pod.terminating and pod.running_since is None for pod in self.facts.pods)


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamHistory:
    """The previous status of a stream. It decides in cases where the facts are not enough."""

    state: str | None = None
    """The state of the ingester."""
    reasons: frozenset[str] = frozenset()
    """The reasons of the conditions that depend on this stream alone."""
    stays_suspended: bool = False
    """Whether the source was suspended with all its ingesters, is so now, and no ingester runs."""
    applied: bool = False
    """Whether the children were last written for this generation of the spec."""


NO_HISTORY: Final = StreamHistory()


def assess(facts: Facts, history: StreamHistory = NO_HISTORY) -> Assessment:
    """The assessment of `facts`. `history` is the previous status."""
    return replace(_assess(facts, history), applied=history.applied, stays_suspended=history.stays_suspended)


def _assess(facts: Facts, history: StreamHistory) -> Assessment:
    """The same without `applied` and `stays_suspended`.

    A new operator process has not seen the ingester write yet. It can compute the age of the report only by the
    ingester's clock, which may be wrong. Until it knows more, the old status is kept, at most as long as a report is
    trusted.
    """
    pod = _current_pod(facts.pods)
    if pod is None or pod.running_since is None or facts.sink is None or facts.sink.failure is not None:
        return Assessment(facts=facts, pod=pod, report=None, silent=False)
    own = _trusted_report(facts, pod)
    uncertain = own is not None and _is_uncertain(own)
    if own is not None and (_is_fresh(own.silent_seconds) or (uncertain and history.state is not None)):
        report = replace(own, silent_seconds=own.watched_seconds) if uncertain else own
        return Assessment(facts=facts, pod=pod, report=report, silent=False)
    up = facts.uptime_seconds(pod)
    back = facts.sink.recovered_seconds
    if back is None and own is not None and uncertain and ConditionReason.SINK_UNREACHABLE in history.reasons:
        back = own.watched_seconds  # the previous operator process has seen the outage
    recovering = back is not None and back <= FRESH_SECONDS < up
    may_be_alive = uncertain and ConditionReason.NOT_REPORTING not in history.reasons
    silent = up > FRESH_SECONDS and not recovering and not may_be_alive
    return Assessment(facts=facts, pod=pod, report=None, silent=silent, recovering=recovering)


def _current_pod(pods: Sequence[PodFacts]) -> PodFacts | None:
    staying = [pod for pod in pods if not pod.terminating]
    newest = max(staying, key=lambda pod: pod.created, default=None)
    if newest is None:
        return None
    running = [
        (pod.running_since, pod.created, pod.name, pod)
        for pod in staying
        if pod.running_since is not None and pod.template_hash == newest.template_hash
    ]
    return min(running, key=lambda one: one[:3])[-1] if running else newest


def _trusted_report(facts: Facts, current: PodFacts) -> HealthFacts | None:
    """The report of an ingester in a pod of the stream. A recent one is preferred, then that of the `current` pod."""
    reports = [*([facts.sink.health] if facts.sink and facts.sink.health else []), *facts.writers.reports]
    others = [pod for pod in facts.pods if not pod.terminating and pod is not current]
    own = [report for pod in (current, *others) for report in reports if _is_from(report, pod)]
    return next((report for report in own if _is_fresh(report.silent_seconds)), own[0] if own else None)


def _is_from(health: HealthFacts, pod: PodFacts) -> bool:
    """Whether the ingester that runs in `pod` has written `health`."""
    if pod.running_since is None or health.pod != pod.name or health.state is None or health.silent_seconds is None:
        return False
    # Otherwise an earlier process in the same pod wrote it.
    return health.started is None or (pod.running_since - health.started).total_seconds() <= _START_SLACK_SECONDS


def _is_uncertain(own: HealthFacts) -> bool:
    return not _is_fresh(own.silent_seconds) and _is_fresh(own.watched_seconds)


def _is_fresh(seconds: float | None) -> bool:
    return seconds is not None and seconds <= FRESH_SECONDS
