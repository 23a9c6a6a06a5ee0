"""What the facts say when read together: which pod counts, and whether its report may be believed.

A health hash outlives the process that wrote it, so it is believed only if the process that runs now
wrote it, and a short time ago. All else in this package reads health through here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sluice_operator.observed.facts import Facts, HealthFacts, PodFacts
from sluice_operator.status.reasons import ConditionReason
from sluice_redis.contract import SourceState

FRESH_SECONDS: Final = 30.0
"""For how long a report is believed; an ingester writes one at least every 5 s."""
_START_SLACK_SECONDS: Final = 2.0  # the kubelet writes the start of a container in whole seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class Assessment:
    """Facts, read together."""

    facts: Facts
    pod: PodFacts | None
    """The pod that counts: of those that are not on their way out and are made of the newest template, the one that
    has run for the longest time; the newest if none of them runs.
    """
    report: HealthFacts | None
    """What the ingester in that pod says, if it runs and has said it a short time ago; else what the one in another
    pod of the stream says.
    """
    silent: bool
    """Whether it should have reported by now and has not, although Redis can be read."""

    applied: bool = False
    """Whether the Deployment that is there was made for this generation of the spec."""

    recovering: bool = False
    """Whether Redis was away and that pod has not had the time to report since."""

    @property
    def should_run(self) -> bool:
        """Whether an ingester should run."""
        return self.is_requested and not self.facts.owner

    @property
    def is_requested(self) -> bool:
        """Whether the spec asks for an ingester that runs."""
        return self.facts.enabled and not self.facts.suspended

    @property
    def may_be_quiet(self) -> bool:
        """Whether the source may be quiet for as long as it likes: labels are given by people, a few an hour."""
        return self.facts.windows.quiet_after_seconds == 0

    def age(self, time: datetime) -> float:
        """How many seconds ago the ingester wrote that `time`, whatever its clock says."""
        report = self.report
        if report is None or report.heartbeat is None or report.silent_seconds is None:
            return (self.facts.now - time).total_seconds()
        return report.silent_seconds + (report.heartbeat - time).total_seconds()

    @property
    def message(self) -> str:
        """What the ingester says of its state, or where it says nothing, what that state is."""
        if self.report is not None and self.report.message:
            return self.report.message
        state = self.report.state if self.report else None
        if state is SourceState.HALTED:
            return "The ingester has halted: see its logs"
        if state is SourceState.BACKPRESSURE:
            return "Redis takes no events: nothing is read until it does, and nothing is lost"
        return f"Connecting to {self.facts.host}"

    @property
    def current_pod_report(self) -> HealthFacts | None:
        """The report, if it is that of the pod that counts: what is counted by an ingester since its start can't be
        told from the reports of several in turn.
        """
        own = self.report is not None and self.pod is not None and self.report.pod == self.pod.name
        return self.report if own else None

    @property
    def running(self) -> bool:
        """Whether an ingester runs."""
        return self.pod is not None and self.pod.running_since is not None

    @property
    def is_unobservable(self) -> bool:
        """Whether an ingester runs as it should, and what it does can't be seen."""
        sink = self.facts.sink
        blind = sink is None or sink.failure is not None or self.silent or self.recovering
        return self.should_run and self.running and blind

    @property
    def stopped(self) -> bool:
        """Whether no ingester runs or is about to end."""
        return all(pod.terminating and pod.running_since is None for pod in self.facts.pods)


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamHistory:
    """What the status has told of a stream so far: it stands where a look alone can't decide."""

    state: str | None = None
    """What the ingester was doing."""
    reasons: frozenset[str] = frozenset()
    """Those of the conditions that tell of this stream alone."""
    applied: bool = False
    """Whether the children were last written for this generation of the spec."""


NO_HISTORY: Final = StreamHistory()


def assess(facts: Facts, history: StreamHistory = NO_HISTORY) -> Assessment:
    """Read `facts` together, after what was `told` before."""
    return replace(_assess(facts, history), applied=history.applied)


def _assess(facts: Facts, history: StreamHistory) -> Assessment:
    """The same without what was written for which spec.

    An ingester that has not been seen to write yet, as by an operator that has just started, is old by its clock
    alone, and that may be wrong. Then what was told stands, for as long as any silence is borne with.
    """
    pod = _current_pod(facts.pods)
    if pod is None or pod.running_since is None or facts.sink is None or facts.sink.failure is not None:
        return Assessment(facts=facts, pod=pod, report=None, silent=False)
    own = _trusted_report(facts, pod)
    doubtful = own is not None and _is_uncertain(own)
    if own is not None and (_is_fresh(own.silent_seconds) or (doubtful and history.state is not None)):
        report = replace(own, silent_seconds=own.watched_seconds) if doubtful else own
        return Assessment(facts=facts, pod=pod, report=report, silent=False)
    up = (facts.now - pod.running_since).total_seconds()
    back = facts.sink.recovered_seconds
    if back is None and own is not None and doubtful and ConditionReason.SINK_UNREACHABLE in history.reasons:
        back = own.watched_seconds  # an operator before this one has seen the outage
    recovering = back is not None and back <= FRESH_SECONDS < up
    in_doubt = doubtful and ConditionReason.NOT_REPORTING not in history.reasons
    silent = up > FRESH_SECONDS and not recovering and not in_doubt
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
    """What an ingester has written that runs in a pod of the stream: rather that of the pod that counts, and rather
    what was written a short time ago.
    """
    reports = [*([facts.sink.health] if facts.sink and facts.sink.health else []), *facts.writers.reports]
    others = [pod for pod in facts.pods if not pod.terminating and pod is not current]
    own = [report for pod in (current, *others) for report in reports if _is_from(report, pod)]
    return next((report for report in own if _is_fresh(report.silent_seconds)), own[0] if own else None)


def _is_from(health: HealthFacts, pod: PodFacts) -> bool:
    """Whether the ingester that runs in `pod` has written `health`."""
    if pod.running_since is None or health.pod != pod.name or health.state is None or health.silent_seconds is None:
        return False
    # Else it is of the process before this one, in the same pod.
    return health.started is None or (pod.running_since - health.started).total_seconds() <= _START_SLACK_SECONDS


def _is_uncertain(own: HealthFacts) -> bool:
    return not _is_fresh(own.silent_seconds) and _is_fresh(own.watched_seconds)


def _is_fresh(seconds: float | None) -> bool:
    return seconds is not None and seconds <= FRESH_SECONDS
