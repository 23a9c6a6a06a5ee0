"""Compares two statuses of a source: whether to write the new one now, and which Kubernetes Events to record."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sluice_operator.api.conditions import Condition, ConditionStatus
from sluice_operator.api.conditions import ConditionType as Type
from sluice_operator.api.ingester_status import IngesterStatus, RestartsStatus, SourceStatus, StreamStatus
from sluice_operator.kubernetes.event import Event
from sluice_operator.status.ages import with_coarse_ages
from sluice_operator.status.condition_reasons import ConditionReason
from sluice_operator.status.condition_times import by_type
from sluice_operator.status.cursor_resets import is_seq
from sluice_operator.status.event_reasons import EventReason
from sluice_operator.status.events import event_of

_IDLE_REASONS: Final = frozenset(
    {
        ConditionReason.SUSPENDED,
        ConditionReason.SUSPENDING,
        ConditionReason.NOTHING_TO_RUN,
        ConditionReason.POD_NOT_RUNNING,
        ConditionReason.DUPLICATE_SOURCE,
    }
)
"""Reasons why there is no connection, although none was lost."""


def is_unchanged(before: SourceStatus, after: SourceStatus) -> bool:
    """Whether there is nothing to write: the statuses differ at most in the time of the observation and in ages that
    have not doubled.
    """
    return _without_times(before) == _without_times(after)


def is_urgent(before: SourceStatus, after: SourceStatus) -> bool:
    """Whether more than numbers and messages changed, so that the write must not wait for the interval of numbers."""
    return _urgent_parts(before) != _urgent_parts(after)


def transition_events(before: SourceStatus, after: SourceStatus) -> list[Event]:
    """The Events for what happened between `before` and `after`."""
    old, new = by_type(before.conditions), by_type(after.conditions)
    if Type.READY in new and new[Type.READY].reason == ConditionReason.TERMINATING:
        return []  # the other conditions are dropped, which does not mean that anything ended
    return [
        *_restarts(before.restarts, after.restarts),
        *_image(old.get(Type.READY), new.get(Type.READY)),
        *_stalls(old.get(Type.STALLED), new.get(Type.STALLED)),
        *_suspension(old.get(Type.SUSPENDED), new.get(Type.SUSPENDED), connected=new.get(Type.CONNECTED)),
        *_connection(
            old.get(Type.CONNECTED),
            new.get(Type.CONNECTED),
            connected_before=_connected_since(before),
            connected_after=_connected_since(after),
        ),
        *_sink(old.get(Type.SINK_WRITABLE), new.get(Type.SINK_WRITABLE)),
        *_refusals(old.get(Type.CHILDREN_OUTDATED), new),
        *_writers(old.get(Type.SEVERAL_WRITERS), new.get(Type.SEVERAL_WRITERS)),
        *_readiness(old, new),
        *_backfill(old.get(Type.BACKFILL_COMPLETE), new.get(Type.BACKFILL_COMPLETE)),
        *_resets(before, after),
        *(
            _cursors(before.ingesters, after.ingesters)
            if before.host == after.host and not _is_reset(before, after)
            else []
        ),
        *(event for name, part in after.streams.items() for event in _gaps(before.streams.get(name), part)),
        *(event for name, part in after.ingesters.items() for event in _fences(before.ingesters.get(name), part)),
    ]


def _without_times(status: SourceStatus) -> SourceStatus:
    parts = {
        name: with_coarse_ages(part).model_copy(update={"updated_at": None}) for name, part in status.ingesters.items()
    }
    return status.model_copy(update=parts)


def _urgent_parts(status: SourceStatus) -> tuple[object, ...]:
    conditions = {(item.type, item.status, item.reason, _named(item)) for item in status.conditions or ()}
    states = {name: (part.state, part.fenced) for name, part in status.ingesters.items()}
    gaps = {name: part.last_gap for name, part in status.streams.items()}
    # A user who has just created the source waits for the first cursor, lag and rate.
    known = {name: (part.cursor is None, part.lag is None, part.rate is None) for name, part in status.streams.items()}
    # The number of recent restarts can wait when it falls.
    restarts = status.restarts and status.restarts.model_copy(update={"in_window": 0, "recent_times": None})
    rest = (status.host, status.image, status.pool, restarts, status.cursor_reset, status.last_handled_reconcile_at)
    return status.observed_generation, conditions, states, gaps, known, rest


def _named(condition: Condition) -> str:
    """The message of `condition`, if it names somebody whose change is urgent."""
    return condition.message if condition.type == Type.SEVERAL_WRITERS else ""


def _restarts(old: RestartsStatus | None, new: RestartsStatus | None) -> list[Event]:
    before = old.count if old else 0
    if new is None or new.count <= before:
        return []
    code = "" if new.last_exit_code is None else f", exit code {new.last_exit_code}"
    if new.last_reason == EventReason.OOM_KILLED:
        killed = f"The ingester was killed because it needed more memory than its limit{code}"
        message = f"{killed}: raise spec.podTemplate.resources.limits"
        return [event_of(EventReason.OOM_KILLED, message)]
    message = f"The ingester was restarted: {new.last_reason or 'unknown reason'}{code}"
    return [event_of(EventReason.RESTARTED, message)]


def _image(old: Condition | None, new: Condition | None) -> list[Event]:
    if new is None or new.reason != ConditionReason.IMAGE_PULL_FAILED or (old is not None and old.reason == new.reason):
        return []
    return [event_of(EventReason.IMAGE_PULL_FAILED, new.message)]


def _stalls(old: Condition | None, new: Condition | None) -> list[Event]:
    if new is not None and (old is None or old.reason != new.reason):
        return [event_of(EventReason.STALLED, f"{new.reason}: {new.message}")]
    if old is not None and new is None:
        return [event_of(EventReason.RECOVERED, f"No longer stalled: {old.reason} is over")]
    return []


def _suspension(old: Condition | None, new: Condition | None, *, connected: Condition | None) -> list[Event]:
    if old is None and new is not None:
        return [event_of(EventReason.SUSPENDED, "The ingester has stopped, because spec.suspend is true")]
    # If the ingester ran although it should not, nobody has resumed it.
    if old is not None and new is None and connected is not None and connected.reason != ConditionReason.SUSPENDED:
        return [event_of(EventReason.RESUMED, "The ingester is being started again, because spec.suspend is false")]
    return []


def _connected_since(status: SourceStatus) -> datetime | None:
    """The start of the last observed connection, unless its end was observed."""
    return next((part.connected_since for part in status.streams.values() if part.connected_since), None)


def _connection(
    old: Condition | None, new: Condition | None, *, connected_before: datetime | None, connected_after: datetime | None
) -> list[Event]:
    was = old.status if old else ConditionStatus.FALSE
    if new is None or new.status == was:
        return []
    if new.status == ConditionStatus.TRUE and (connected_before is None or connected_after != connected_before):
        return [event_of(EventReason.CONNECTED, new.message)]
    had = was == ConditionStatus.TRUE or connected_before is not None
    if had and new.status == ConditionStatus.FALSE and new.reason not in _IDLE_REASONS:
        message = new.message or "The connection to the source was lost"
        return [event_of(EventReason.DISCONNECTED, message)]
    return []


def _sink(old: Condition | None, new: Condition | None) -> list[Event]:
    was_false = old is not None and old.status == ConditionStatus.FALSE
    is_false = new is not None and new.status == ConditionStatus.FALSE
    if new is not None and is_false and not was_false:
        return [event_of(EventReason.BACKPRESSURE_ON, f"{new.reason}: {new.message}")]
    if new is not None and was_false and new.status == ConditionStatus.TRUE:
        return [event_of(EventReason.BACKPRESSURE_OFF, "Redis takes events again")]
    return []


def _refusals(old: Condition | None, after: Mapping[str, Condition]) -> list[Event]:
    """ChildRefused, unless the Event Stalled says it."""
    new, stalled = after.get(Type.CHILDREN_OUTDATED), after.get(Type.STALLED)
    reasons = {item.reason for item in (new, after.get(Type.READY)) if item is not None}
    if new is None or old is not None or ConditionReason.CHILD_REFUSED not in reasons:
        return []
    if stalled is not None and stalled.reason == ConditionReason.CHILD_REFUSED:
        return []
    return [event_of(EventReason.CHILD_REFUSED, new.message)]


def _writers(old: Condition | None, new: Condition | None) -> list[Event]:
    if new is None or (old is not None and old.message == new.message):
        return []
    return [event_of(EventReason.SEVERAL_WRITERS, new.message)]


def _readiness(before: Mapping[str, Condition], after: Mapping[str, Condition]) -> list[Event]:
    old, new = before.get(Type.READY), after.get(Type.READY)
    if new is None:
        return []
    if new.status == ConditionStatus.TRUE:
        was = old is not None and old.status == ConditionStatus.TRUE
        return [] if was or new.reason in _IDLE_REASONS else [event_of(EventReason.READY, new.message)]
    if _is_degraded(after) and not (old is not None and old.reason == new.reason and _is_degraded(before)):
        return [event_of(EventReason.NOT_READY, f"{new.reason}: {new.message}")]
    return []


def _is_degraded(conditions: Mapping[str, Condition]) -> bool:
    """Whether the severity is degraded: not Ready, not Reconciling and not Stalled."""
    ready = conditions.get(Type.READY)
    at_work = Type.STALLED in conditions or Type.RECONCILING in conditions
    return ready is not None and ready.status != ConditionStatus.TRUE and not at_work


def _backfill(old: Condition | None, new: Condition | None) -> list[Event]:
    was = old is not None and old.status == ConditionStatus.TRUE
    if new is None or was or new.status != ConditionStatus.TRUE:
        return []
    return [event_of(EventReason.BACKFILL_DONE, new.message)]


def _cursors(old: Mapping[str, IngesterStatus], new: Mapping[str, IngesterStatus]) -> list[Event]:
    return [event for name, part in new.items() if name in old for event in _cursor(old[name].cursor, part.cursor)]


def _cursor(before: str | None, after: str | None) -> list[Event]:
    if before and after and is_seq(before) and is_seq(after) and int(after) < int(before):
        message = (
            f"The cursor in Redis went back from {before} to {after}: somebody set it, or Redis lost data. If nobody "
            "set it, check the persistence of Redis"
        )
        return [event_of(EventReason.CURSOR_MOVED_BACK, message)]
    return []


def _resets(before: SourceStatus, after: SourceStatus) -> list[Event]:
    if not _is_reset(before, after) or after.cursor_reset is None:
        return []
    done = after.cursor_reset
    change = f"from {done.from_ or 'none'} to {done.to}"
    message = f"The cursor was set {change}, as requested by spec.cursor (nonce {done.nonce})"
    return [event_of(EventReason.CURSOR_RESET, message)]


def _is_reset(before: SourceStatus, after: SourceStatus) -> bool:
    """Whether spec.cursor was carried out between the two."""
    nonces = [status.cursor_reset and status.cursor_reset.nonce for status in (before, after)]
    return nonces[0] != nonces[1]


def _fences(before: IngesterStatus | None, after: IngesterStatus) -> list[Event]:
    if before is None or (after.fenced or 0) <= (before.fenced or 0):
        return []
    message = (
        "Somebody else set the cursor (kubectl, redis-cli), or another ingester writes it. The ingester continues from "
        "there. If nobody set it, check whether a second ingester runs"
    )
    return [event_of(EventReason.FENCED, message)]


def _gaps(before: StreamStatus | None, after: StreamStatus) -> list[Event]:
    """EventsLost, once for each gap: when its end is known."""
    gap, known = after.last_gap, before.last_gap if before else None
    if gap is None or gap.to_time is None or gap == known:
        return []
    dump = gap.dump()
    times = f"after {dump.get('fromTime', 'an unknown time')}, before {dump['toTime']}"
    if gap.from_seq is None:
        what = f"what the source sent {times}, may be missing: there was no connection, and no cursor to continue from"
    else:
        seqs = f"seq {gap.from_seq} to {gap.to_seq or 'an unknown one'}"
        what = f"the source no longer had {seqs}, {times}. The ingester has continued after them"
    advice = "Fetch what is missing from the repositories, if you need it"
    message = f"{gap.reason}: {what}. {advice}"
    return [event_of(EventReason.EVENTS_LOST, message)]
