"""Decides when a source is reconciled again if nothing happens. No I/O.

What a reconcile depends on is watched: the source and its children by informers, its streams by `redis.stream_watch`,
its Secrets and ConfigMaps by `kubernetes.object_poller`. What remains is time. Conditions change with it, and so does
what can't be watched.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sluice_operator.api.conditions import ConditionType
from sluice_operator.api.ingester_status import SourceStatus
from sluice_operator.observed.facts.facts import Facts
from sluice_operator.observed.report_age import FRESH_SECONDS
from sluice_operator.reconcile.kinds import SourceKind
from sluice_operator.reconcile.reconciliation import Reconciliation
from sluice_operator.redis.cursor_writer import is_reset_due
from sluice_operator.status.condition_reasons import ConditionReason
from sluice_operator.status.condition_times import by_type
from sluice_operator.status.look_ahead import seconds_until_change

MAX_PAUSE_SECONDS: Final = 600.0
"""The longest time between two reconciles of a source."""
EVENTS_PAUSE_SECONDS: Final = 10.0
"""How long to wait with Events that exceed their budget."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Observation:
    """What a reconcile has found, and the status that follows."""

    facts: Sequence[Facts]
    status: SourceStatus


def must_look_again_soon(run: Reconciliation, found: Observation) -> bool:
    """Whether something that can't be watched decides about the source now."""
    return (
        run.memory.status.unconfirmed is not None
        or bool(run.still_in)
        or is_reset_due(run.source.spec.cursor, found.status.cursor_reset)
        or any(map(_is_undecided, found.facts))
    )


def seconds_until_next(found: Observation, kind: SourceKind, *, numbers_seconds: float, horizon: float) -> float:
    """The seconds until the status changes by itself, at most `horizon`. Numbers are due after `numbers_seconds`."""

    def status_after(seconds: float) -> SourceStatus:
        return kind.source_status([facts.later(seconds) for facts in found.facts], found.status)

    return seconds_until_change(status_after, found.status, numbers_seconds=numbers_seconds, horizon=horizon)


def are_numbers_urgent(status: SourceStatus) -> bool:
    """Whether new numbers may change a condition, or are the first ones. Otherwise they can wait."""
    flowing = by_type(status.conditions).get(ConditionType.EVENTS_FLOWING)
    if flowing is not None and flowing.reason != ConditionReason.FLOWING:
        return True
    return any(None in (part.cursor, part.lag, part.rate) for part in status.streams.values())


def _is_undecided(facts: Facts) -> bool:
    if facts.refusal is not None or facts.contests is None or facts.owner or facts.is_list_pending:
        return True
    if facts.writers.foreign or facts.writers.reports:
        return True
    health = facts.sink.health if facts.sink else None
    # After a start of the operator, the age of a report is unknown if its clock differs from the ingester's.
    return (
        health is not None
        and health.watched_seconds is not None
        and health.watched_seconds <= FRESH_SECONDS
        and health.silent_seconds is not None
        and health.silent_seconds > FRESH_SECONDS
    )
