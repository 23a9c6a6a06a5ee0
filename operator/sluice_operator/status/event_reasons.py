"""The reasons of Kubernetes Events: what each word means, what to do about it, and which are routine.

Users write alerts and scripts against these words, so a word never gets another meaning. The docstring of a reason
is a row of docs/status.md: its first paragraph says when the Event is recorded, its second what to do. `make generate`
writes the table.
"""

from enum import StrEnum
from typing import Final, Self

from sluice_operator.kubernetes.event import EventReasons


class EventType(StrEnum):
    """The type of a Kubernetes Event."""

    NORMAL = "Normal"
    WARNING = "Warning"


class EventReason(StrEnum):
    """The reasons of Kubernetes Events."""

    type: EventType

    def __new__(cls, value: str, type: EventType) -> Self:  # noqa: A002 (the name that Kubernetes gives it)
        """The reason `value` of Events of that type."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.type = type
        return member

    CONNECTED = "Connected", EventType.NORMAL
    """The ingester has connected to the source, for the first time or again."""
    DISCONNECTED = "Disconnected", EventType.WARNING
    """The connection to the source was lost. The message says why.

    Nothing: the ingester reconnects.
    """
    RESTARTED = "Restarted", EventType.WARNING
    """The ingester was restarted or its pod replaced, and nobody asked for it.

    See the reason and exit code in the message.
    """
    OOM_KILLED = "OOMKilled", EventType.WARNING
    """The ingester was killed because it needed more memory than its limit.

    Raise `spec.podTemplate.resources.limits.memory`.
    """
    IMAGE_PULL_FAILED = "ImagePullFailed", EventType.WARNING
    """The first pull of the image has failed.

    Check the image name and the pull Secrets.
    """
    SUSPENDED = "Suspended", EventType.NORMAL
    """The ingester has stopped, as `spec.suspend` asks."""
    RESUMED = "Resumed", EventType.NORMAL
    """`spec.suspend` is false again."""
    STALLED = "Stalled", EventType.WARNING
    """A person must act. The message begins with the reason of `Stalled`.

    Do what the message says.
    """
    RECOVERED = "Recovered", EventType.NORMAL
    """The resource is no longer `Stalled`."""
    READY = "Ready", EventType.NORMAL
    """The resource has become `Ready`."""
    NOT_READY = "NotReady", EventType.WARNING
    """`Ready` is False, and nobody works on it: the source or Redis has been away, or the stream full, for longer than
    `spec.health.degradedAfterSeconds`, or the ingester does not report.

    See the reason in the message.
    """
    BACKPRESSURE_ON = "BackpressureOn", EventType.WARNING
    """Redis takes no events: it is full, gone or refuses them. The ingester stops reading, and nothing is lost.

    See the reason in the message.
    """
    BACKPRESSURE_OFF = "BackpressureOff", EventType.NORMAL
    """Redis takes events again."""
    BACKFILL_DONE = "BackfillDone", EventType.NORMAL
    """All repos of the source are listed."""
    CURSOR_MOVED_BACK = "CursorMovedBack", EventType.WARNING
    """The cursor in Redis went back, and not by `spec.cursor`: somebody set it, or Redis lost data.

    If nobody set it, check the persistence of Redis.
    """
    CURSOR_RESET = "CursorReset", EventType.NORMAL
    """The cursor was set as `spec.cursor` asks. The message has the old cursor, the new one and the nonce."""
    CURSOR_RESET_FAILED = "CursorResetFailed", EventType.WARNING
    """The cursor could not be set as `spec.cursor` asks.

    Nothing: the operator retries. If it lasts, check Redis.
    """
    CURSOR_DELETED = "CursorDeleted", EventType.NORMAL
    """The resource was deleted, and its cursors with it, as `spec.deletionPolicy: DeleteCursor` asks."""
    CURSOR_NOT_DELETED = "CursorNotDeleted", EventType.WARNING
    """The resource was deleted without its cursors. The type is Normal if the cursors belong to another resource.

    Run the command in the message, if the cursors should go.
    """
    EVENTS_LOST = "EventsLost", EventType.WARNING
    """The source could not give a range of events. The message names the range and the reason; with `NoCursor` only
    the times are known. The ingester has continued after the range.

    Fetch what is missing from the repositories, if you need it.
    """
    FENCED = "Fenced", EventType.WARNING
    """Somebody else set the cursor, or another ingester writes it. The ingester continues from the new cursor.

    Nothing, if you set the cursor. Else look for a second ingester.
    """
    CHILD_REFUSED = "ChildRefused", EventType.WARNING
    """The API server refuses to write a Deployment or a Secret. The existing one keeps running.

    Correct what the API server's words in the message name.
    """
    SEVERAL_WRITERS = "SeveralWriters", EventType.WARNING
    """More than one ingester writes the stream.

    Run the command in the message.
    """
    CREATED = "Created", EventType.NORMAL
    """A Deployment or a Secret was created."""
    UPDATED = "Updated", EventType.NORMAL
    """A Deployment or a Secret was changed, because the spec or the operator's settings changed."""
    DELETED = "Deleted", EventType.NORMAL
    """A Deployment or a Secret was deleted, because the spec no longer asks for it."""
    CHILD_RESTORED = "ChildRestored", EventType.WARNING
    """Somebody changed or deleted a Deployment or a Secret, and the operator restored it. The message names the fields,
    their values (never of a variable or a Secret), the field manager that set them, and the field of the spec to use.

    Set what you want to keep in the spec.
    """
    CHILD_CONTESTED = "ChildContested", EventType.WARNING
    """The operator leaves a field of a Deployment or a Secret as somebody else set it: admission sets it at each write,
    or it came back three times. The message names the field, its value and who set it.

    Set the same value in the spec, or stop whoever sets it.
    """
    SECRET_CHANGED = "SecretChanged", EventType.NORMAL
    """The Redis URL has changed. The ingester is restarted with the new one."""
    CA_BUNDLE_CHANGED = "CABundleChanged", EventType.NORMAL
    """The certificates in the ConfigMap that `spec.caBundle` names have changed. The ingester is restarted with the new
    ones.
    """


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
"""Which reasons are routine, and which are opposites."""
