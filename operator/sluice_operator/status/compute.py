"""From facts and the status before to the status now. Pure, and the only place that makes a status."""

from datetime import datetime

from sluice_operator.api.relay import RelayStatus
from sluice_operator.observed.facts import Facts
from sluice_operator.status.aspects import aspects
from sluice_operator.status.conditions import by_type, in_order, settle
from sluice_operator.status.judge import judge
from sluice_operator.status.reading import read
from sluice_operator.status.restarts import count_restarts
from sluice_operator.status.stream import stream_status
from sluice_operator.status.verdict import stuck


def relay_status(facts: Facts, previous: RelayStatus) -> RelayStatus:
    """The status of a Relay."""
    reading, before = read(facts), by_type(previous.conditions)
    restarts = count_restarts(previous.restarts, facts.pods, wanted=reading.wanted, now=facts.now)

    current = settle(aspects(reading, restarts), previous=before, generation=facts.generation, now=facts.now)
    verdict = judge(reading, previous=before, current=current)
    current |= settle(verdict.drafts(), previous=before, generation=facts.generation, now=facts.now)

    return RelayStatus(
        observed_generation=facts.generation,
        conditions=in_order(current),
        host=facts.host,
        image=reading.pod.image if reading.pod else previous.image,
        restarts=restarts,
        firehose=stream_status(reading, previous.firehose if previous.host == facts.host else None),
    )


def refused_status(previous: RelayStatus, *, generation: int, now: datetime, reason: str, message: str) -> RelayStatus:
    """The status of a Relay whose spec can't be understood: nothing else is known of it now."""
    conditions = settle(
        stuck(reason, message).drafts(), previous=by_type(previous.conditions), generation=generation, now=now
    )
    return previous.model_copy(update={"observed_generation": generation, "conditions": in_order(conditions)})
