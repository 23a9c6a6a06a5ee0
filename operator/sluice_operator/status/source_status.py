"""From facts and the status before to the status now. Pure, and the only place that makes a status."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from sluice_operator.api.backfill import BackfillStatus
from sluice_operator.api.conditions import Condition
from sluice_operator.api.conditions import ConditionType as Type
from sluice_operator.api.stream import PartStatus, Restarts, SourceStatus, StreamStatus
from sluice_operator.desired.naming import Component
from sluice_operator.observed.facts import Facts
from sluice_operator.status.backfill_progress import backfill_aspects, backfill_status
from sluice_operator.status.children_applied import children_outdated, is_applied
from sluice_operator.status.combine_streams import Opinion, together
from sluice_operator.status.concurrent_writers import several_writers
from sluice_operator.status.condition_times import by_type, in_order, settle
from sluice_operator.status.current_pod import Reading, Told, read
from sluice_operator.status.cursor_resets import cursor_reset
from sluice_operator.status.readiness import judge
from sluice_operator.status.reasons import Reason
from sluice_operator.status.restarts import count_all_restarts
from sluice_operator.status.stream_conditions import aspects
from sluice_operator.status.stream_numbers import stream_status, unseen
from sluice_operator.status.verdict import coming, stuck
from sluice_redis.hosts import is_former

StatusT = TypeVar("StatusT", bound=SourceStatus)


def source_status(streams: Sequence[Facts], previous: StatusT) -> StatusT:
    """The status of a source; the facts of its streams come with the one that matters most first."""
    first, before = streams[0], by_type(previous.conditions)
    parts = previous.parts if is_former(previous.host or "", first.host) else {}
    applied = is_applied(previous, generation=first.generation)
    readings = [read(facts, _told(facts.component, parts, before, applied=applied)) for facts in streams]
    restarts = count_all_restarts(previous.restarts, readings)
    drafts = together([_opinion(reading, restarts, before) for reading in readings])
    conditions = settle(drafts, previous=before, generation=first.generation, now=first.now)
    images = [reading.pod.image for reading in readings if reading.pod and reading.running]
    update = {
        **dict.fromkeys(previous.parts),
        **{(part := reading.facts.component.part): _part(reading, parts.get(part)) for reading in readings},
        "observed_generation": first.generation,
        "conditions": in_order(conditions),
        "host": first.host,
        "image": images[0] if images else previous.image,
        "restarts": restarts,
        "cursor_reset": cursor_reset(first, previous.cursor_reset),
    }
    return previous.model_copy(update=update)


def refused_status(previous: StatusT, *, generation: int, now: datetime, reason: str, message: str) -> StatusT:
    """The status of a source whose spec can't be understood: nothing else is known of it now."""
    conditions = settle(
        stuck(reason, message).drafts(), previous=by_type(previous.conditions), generation=generation, now=now
    )
    return _blind(previous, conditions, generation=generation)


def leaving_status(previous: StatusT, *, generation: int, now: datetime, message: str) -> StatusT:
    """The status of a source that is being deleted: all that is told of it is what its end waits for."""
    conditions = settle(
        coming(Reason.TERMINATING, message).drafts(),
        previous=by_type(previous.conditions),
        generation=generation,
        now=now,
    )
    return _blind(previous, conditions, generation=generation)


def _blind(previous: StatusT, conditions: Mapping[str, Condition], *, generation: int) -> StatusT:
    parts = {name: unseen(part) for name, part in previous.parts.items()}
    update = {"observed_generation": generation, "conditions": in_order(conditions), **parts}
    return previous.model_copy(update=update)


def _told(
    component: Component, parts: Mapping[str, PartStatus], before: Mapping[str, Condition], *, applied: bool
) -> Told:
    part = parts.get(component.part)
    kinds = (Type.BACKFILL_COMPLETE,) if component is Component.BACKFILL else (Type.CONNECTED, Type.SINK_WRITABLE)
    reasons = frozenset(before[kind].reason for kind in kinds if kind in before)
    return Told(state=part.state if part else None, reasons=reasons, applied=applied)


def _part(reading: Reading, previous: PartStatus | None) -> PartStatus | None:
    if reading.facts.component is Component.BACKFILL:
        return backfill_status(reading, previous if isinstance(previous, BackfillStatus) else None)
    return stream_status(reading, previous if isinstance(previous, StreamStatus) else None)


def _opinion(reading: Reading, restarts: Restarts, before: Mapping[str, Condition]) -> Opinion:
    facts, drafts = reading.facts, [*aspects(reading, restarts, before), *children_outdated(reading)]
    current = settle(drafts, previous=before, generation=facts.generation, now=facts.now)
    backfills = facts.component is Component.BACKFILL
    told = [*backfill_aspects(reading, restarts), *children_outdated(reading)] if backfills else drafts
    return Opinion(
        component=facts.component,
        wanted=reading.asked,
        beside=backfills,
        aspects=[*told, *several_writers(reading, before)],
        verdict=judge(reading, previous=before, current=current),
    )
