"""Makes a Kubernetes Event of the type that its reason has. Nothing else makes Events."""

from sluice_operator.kubernetes.event import Event
from sluice_operator.status.event_reasons import EventReason, EventType


def event_of(reason: EventReason, message: str, *, type: EventType | None = None) -> Event:  # noqa: A002
    """The Event with that reason and message, of the type of its reason unless another `type` is given."""
    return Event(type=(type or reason.type).value, reason=reason, message=message)
