"""Computes the status of a source from facts and the previous status. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from sluice_operator.api.conditions import Condition, ConditionType
from sluice_operator.api.ingester_status import IngesterStatus, RestartsStatus, SourceStatus
from sluice_operator.api.pooling import PoolStatus
from sluice_operator.desired.component import Component
from sluice_operator.observed.facts.facts import Facts
from sluice_operator.status.assessment import Assessment, StreamHistory, assess
from sluice_operator.status.children_applied import children_outdated, is_applied
from sluice_operator.status.combine_streams import StreamVerdict, combined_conditions
from sluice_operator.status.concurrent_writers import several_writers
from sluice_operator.status.condition_reasons import ConditionReason
from sluice_operator.status.condition_times import by_type, sorted_conditions, with_transition_times
from sluice_operator.status.cursor_resets import cursor_reset
from sluice_operator.status.readiness import evaluate_readiness
from sluice_operator.status.restarts import count_all_restarts
from sluice_operator.status.stream_conditions import stream_conditions
from sluice_operator.status.stream_numbers import without_current_numbers
from sluice_operator.status.stream_strategy import StreamStrategy
from sluice_operator.status.verdict import progressing_verdict, stalled_verdict
from sluice_redis.hosts import is_former_host

StatusT = TypeVar("StatusT", bound=SourceStatus)


def source_status(
    streams: Sequence[Facts], previous: StatusT, *, strategies: Mapping[Component, StreamStrategy]
) -> StatusT:
    """The status of a source. The first of `streams` is its main stream.

    `strategies` has, by component, what turns facts into conditions and numbers.
    """
    first, before = streams[0], by_type(previous.conditions)
    parts = previous.ingesters if is_former_host(previous.host or "", first.host) else {}
    shared = StreamHistory(
        applied=is_applied(previous, generation=first.generation),
        stays_suspended=ConditionType.SUSPENDED in before and all(map(_is_suspended, streams)),
    )
    assessments = [
        assess(facts, _history(shared, facts.component, strategies[facts.component], parts, before))
        for facts in streams
    ]
    restarts = count_all_restarts(previous.restarts, assessments)
    drafts = combined_conditions(
        [
            _stream_verdict(assessment, strategies[assessment.facts.component], restarts, before)
            for assessment in assessments
        ]
    )
    conditions = with_transition_times(drafts, previous=before, generation=first.generation, now=first.now)
    images = [assessment.pod.image for assessment in assessments if assessment.pod and assessment.running]
    update = {
        **dict.fromkeys(previous.ingesters),
        **{
            (component := assessment.facts.component).field: strategies[component].numbers(
                assessment, parts.get(component.field)
            )
            for assessment in assessments
        },
        "observed_generation": first.generation,
        "conditions": sorted_conditions(conditions),
        "host": first.host,
        "image": images[0] if images else previous.image,
        "restarts": restarts,
        "cursor_reset": cursor_reset(first, previous.cursor_reset),
        "pool": previous.pool if first.still_in else _pool(first),
    }
    return previous.model_copy(update=update)


def invalid_spec_status(previous: StatusT, *, generation: int, now: datetime, reason: str, message: str) -> StatusT:
    """The status of a source with an invalid spec. The rest of its state is unknown."""
    conditions = with_transition_times(
        stalled_verdict(reason, message).drafts(), previous=by_type(previous.conditions), generation=generation, now=now
    )
    return _without_observation(previous, conditions, generation=generation)


def terminating_status(previous: StatusT, *, generation: int, now: datetime, message: str) -> StatusT:
    """The status of a source that is being deleted: it only says what the deletion waits for."""
    conditions = with_transition_times(
        progressing_verdict(ConditionReason.TERMINATING, message).drafts(),
        previous=by_type(previous.conditions),
        generation=generation,
        now=now,
    )
    return _without_observation(previous, conditions, generation=generation)


def _without_observation(previous: StatusT, conditions: Mapping[str, Condition], *, generation: int) -> StatusT:
    parts = {name: without_current_numbers(part) for name, part in previous.ingesters.items()}
    update = {"observed_generation": generation, "conditions": sorted_conditions(conditions), **parts}
    return previous.model_copy(update=update)


def _pool(facts: Facts) -> PoolStatus | None:
    return PoolStatus(name=facts.pool, deployment=facts.child) if facts.pool else None


def _is_suspended(facts: Facts) -> bool:
    return facts.suspended and all(pod.running_since is None for pod in facts.pods)


def _history(
    shared: StreamHistory,
    component: Component,
    strategy: StreamStrategy,
    parts: Mapping[str, IngesterStatus],
    before: Mapping[str, Condition],
) -> StreamHistory:
    """The history of one stream. `shared` is what all streams of the source share."""
    part = parts.get(component.field)
    reasons = frozenset(before[kind].reason for kind in strategy.history_conditions if kind in before)
    return replace(shared, state=part.state if part else None, reasons=reasons)


def _stream_verdict(
    assessment: Assessment, strategy: StreamStrategy, restarts: RestartsStatus, before: Mapping[str, Condition]
) -> StreamVerdict:
    facts, outdated = assessment.facts, children_outdated(assessment)
    # Ready depends on the conditions of a live stream, even if the strategy reports others.
    drafts = [*stream_conditions(assessment, restarts, before), *outdated]
    current = with_transition_times(drafts, previous=before, generation=facts.generation, now=facts.now)
    return StreamVerdict(
        component=facts.component,
        is_requested=assessment.is_requested,
        conditions=[
            *strategy.conditions(assessment, restarts, before),
            *outdated,
            *several_writers(assessment, before),
        ],
        verdict=evaluate_readiness(assessment, strategy, previous=before, current=current),
    )
