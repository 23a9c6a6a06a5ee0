"""Conditions as the Kubernetes API conventions and kstatus have them."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from sluice_operator.api.base import Model, Time


class ConditionType(StrEnum):
    """The types of condition. Reconciling and Stalled stand only while they are True, and never both.
    Suspended, SeveralWriters, ChildrenOutdated and ChildrenContested stand only while they are True, too.
    """

    READY = "Ready"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    SUSPENDED = "Suspended"
    CONNECTED = "Connected"
    CURSOR_VALID = "CursorValid"
    EVENTS_FLOWING = "EventsFlowing"
    STABLE = "Stable"
    ERROR_FREE = "ErrorFree"
    SINK_WRITABLE = "SinkWritable"
    BACKFILL_COMPLETE = "BackfillComplete"
    SEVERAL_WRITERS = "SeveralWriters"
    CHILDREN_OUTDATED = "ChildrenOutdated"
    CHILDREN_CONTESTED = "ChildrenContested"


class ConditionStatus(StrEnum):
    """Whether a condition holds."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(Model):
    """One aspect of the resource's state."""

    type: Annotated[str, Field(min_length=1, max_length=316)]
    """The aspect, in CamelCase, such as Ready or Connected."""

    status: ConditionStatus
    """Whether the condition holds: True, False or Unknown."""

    reason: Annotated[str, Field(max_length=1024, pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$")]
    """Why the condition has this status, as one CamelCase word for programs."""

    message: Annotated[str, Field(max_length=32768)]
    """What is the case and what to do about it, for people."""

    last_transition_time: Time
    """When the status of this condition last changed."""

    observed_generation: Annotated[int | None, Field(ge=0)] = None
    """The metadata.generation of the resource that this condition speaks of."""
