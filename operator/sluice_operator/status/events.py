"""Makes a Kubernetes Event of the type that its reason has."""

from sluice_operator.kubernetes.event import Event
from sluice_operator.status.event_reasons import EventReason


def event_of(reason: EventReason, message: str) -> Event:
    """The Event with that reason and message."""
    return Event(type=reason.type.value, reason=reason, message=message)
