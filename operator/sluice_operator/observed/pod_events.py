"""Finds the Event that says why a pod does not start. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sluice_common.times import parse_time
from sluice_operator.observed.facts.startup import PodEvent

_EVENT_TTL_SECONDS: Final = 300.0
"""How long an Event counts if it is not repeated. The kubelet retries after two minutes at most."""
_IRRELEVANT_REASONS: Final = frozenset(
    {"Unhealthy", "BackOff", "Killing", "Preempting", "DNSConfigForming", "FailedToRetrieveImagePullSecret"}
)
"""Reasons to ignore: they are about a running container, or the status of the pod explains them better."""
_SCHEDULER_REASONS: Final = frozenset({"FailedScheduling"})


def newest_warning(events: Iterable[Mapping[str, Any]], *, scheduled: bool, now: datetime) -> PodEvent | None:
    """The newest warning that explains why a pod does not start. `scheduled` is whether the pod has a node."""
    irrelevant = _IRRELEVANT_REASONS | _SCHEDULER_REASONS if scheduled else _IRRELEVANT_REASONS
    found = [
        PodEvent(
            reason=str(event.get("reason") or ""),
            message=str(event.get("message") or event.get("note") or ""),
            first=parse_time(event.get("firstTimestamp")) or parse_time(event.get("eventTime")) or last,
            last=last,
        )
        for event in events
        if event.get("type") == "Warning"
        and event.get("reason") not in irrelevant
        and (last := _last(event)) is not None
        and now - last <= timedelta(seconds=_EVENT_TTL_SECONDS)
    ]
    return max(found, key=lambda event: event.last, default=None)


def _last(event: Mapping[str, Any]) -> datetime | None:
    times = [
        (event.get("series") or {}).get("lastObservedTime"),
        event.get("lastTimestamp"),
        event.get("eventTime"),
        event.get("firstTimestamp"),
        (event.get("metadata") or {}).get("creationTimestamp"),
    ]
    return max((time for text in times if (time := parse_time(text)) is not None), default=None)
