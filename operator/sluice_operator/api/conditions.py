"""Conditions, as defined by the Kubernetes API conventions and kstatus."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from sluice_operator.api.base import Model, Time


class ConditionType(StrEnum):
    """The types of condition.

    Reconciling and Stalled are present only while they are True, and never both. Suspended, SeveralWriters,
    ChildrenOutdated and ChildrenContested are present only while they are True, too.
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
    """The status of a condition."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(Model):
    """The state of one aspect of the resource."""

    type: Annotated[str, Field(min_length=1, max_length=316)]
    """Type of the condition, in CamelCase, such as Ready or Connected."""

    status: ConditionStatus
    """Status of the condition: True, False or Unknown."""

    reason: Annotated[str, Field(max_length=1024, pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$")]
    """Machine-readable reason for the status, in CamelCase."""

    message: Annotated[str, Field(max_length=32768)]
    """Human-readable message: what is wrong, and what to do."""

    last_transition_time: Time
    """When the status of this condition last changed."""

    observed_generation: Annotated[int | None, Field(ge=0)] = None
    """The metadata.generation of the resource that this condition is based on."""
