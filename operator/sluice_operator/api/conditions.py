"""Conditions, as defined by the Kubernetes API conventions and kstatus."""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from sluice_operator.api.base import Model, Time


class ConditionType(StrEnum):
    """The types of condition that the operator writes.

    Each docstring is a row of docs/status.md: what True means, then what False means. A type without the second is
    present only while it is True. Reconciling and Stalled are never present together.
    """

    READY = "Ready"
    """The ingester works, or is stopped as requested by the spec.

    See the reason.
    """
    RECONCILING = "Reconciling"
    """The operator, Kubernetes or the ingester is at work: wait."""
    STALLED = "Stalled"
    """A person must act: the message says what to do."""
    SUSPENDED = "Suspended"
    """`spec.suspend` is true, and the ingester has stopped."""
    CONNECTED = "Connected"
    """The ingester is connected to the source.

    The ingester is connecting, waiting or halted, or does not run.
    """
    CURSOR_VALID = "CursorValid"
    """The cursor is a sequence number of the source.

    The cursor is malformed or in the future, or the sequence of the source moved back.
    """
    EVENTS_FLOWING = "EventsFlowing"
    """Events were stored recently, or the source is a quiet labeler.

    The source is quiet or not connected, or Redis takes no events.
    """
    STABLE = "Stable"
    """No restart within `spec.health.stableWindowSeconds`.

    A restart in that time: the message has its reason and exit code.
    """
    ERROR_FREE = "ErrorFree"
    """No error within `spec.health.stableWindowSeconds`.

    An error in that time: the message has the newest one.
    """
    SINK_WRITABLE = "SinkWritable"
    """Redis takes what the ingester writes.

    Redis is full, unreachable or refuses writes. A reported problem stays until an ingester has tried again.
    """
    BACKFILL_COMPLETE = "BackfillComplete"
    """All repos of the source are listed in `repo_backfill`.

    The listing continues or waits: see the reason. The condition is absent without `spec.backfill.enabled`.
    """
    SEVERAL_WRITERS = "SeveralWriters"
    """More than one ingester writes the stream: the message has the pods and the command that stops them. `Ready` does
    not depend on it.
    """
    CHILDREN_OUTDATED = "ChildrenOutdated"
    """A Deployment or a Secret is not up to date, because the API server refuses it or fails. The message has the API
    server's error.
    """
    CHILDREN_CONTESTED = "ChildrenContested"
    """The operator leaves a field of a Deployment or a Secret as another writer has set it: see
    [control.md](control.md#who-else-writes). `Ready` does not depend on it.
    """


OWN_CONDITION_TYPES: Final[frozenset[str]] = frozenset(ConditionType)
"""Conditions of other types belong to other writers."""


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
