"""How the reasons of Kubernetes Events relate: which are routine, and which are opposites."""

from typing import Final

from sluice_operator.kubernetes.event import EventReasons
from sluice_operator.status.reasons import EventReason

EVENT_REASONS: Final = EventReasons(
    routine=frozenset(
        {
            EventReason.CONNECTED,
            EventReason.DISCONNECTED,
            EventReason.READY,
            EventReason.RECOVERED,
            EventReason.SUSPENDED,
            EventReason.RESUMED,
            EventReason.BACKPRESSURE_ON,
            EventReason.BACKPRESSURE_OFF,
            EventReason.CREATED,
            EventReason.UPDATED,
            EventReason.DELETED,
            EventReason.CHILD_RESTORED,
        }
    ),
    opposites=(
        frozenset({EventReason.CONNECTED, EventReason.DISCONNECTED}),
        frozenset({EventReason.READY, EventReason.NOT_READY}),
        frozenset({EventReason.STALLED, EventReason.RECOVERED}),
        frozenset({EventReason.SUSPENDED, EventReason.RESUMED}),
        frozenset({EventReason.BACKPRESSURE_ON, EventReason.BACKPRESSURE_OFF}),
    ),
)
