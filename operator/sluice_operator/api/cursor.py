"""The fields about cursors: a request to set one, its result, and the gap that a lost cursor leaves."""

from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from sluice_common.seqs import MAX_SEQ
from sluice_operator.api.base import Model, Time
from sluice_operator.api.rules import Rule

OnCursorLost = Literal["Halt", "Oldest", "Live"]


def _integer_to_text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


CursorPosition = Annotated[
    str,
    BeforeValidator(_integer_to_text),
    WithJsonSchema(
        {
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "maxLength": 16,
            "x-kubernetes-int-or-string": True,
        }
    ),
    Rule(
        cel=(
            f"type(self) == int ? (self > 0 && self <= {MAX_SEQ}) : (self in ['oldest', 'live'] || "
            f"(self.matches('^[1-9][0-9]{{0,15}}$') && int(self) <= {MAX_SEQ}))"
        ),
        message="give oldest, live, or a sequence number, a whole number above 0 and below 2^53",
        holds=lambda value: (
            value in {"oldest", "live"}
            or (value.isascii() and value.isdecimal() and value[0] != "0" and int(value[:17]) <= MAX_SEQ)
        ),
    ),
]
"""A position in a source's sequence, as a user writes it. It accepts exactly the numbers that the ingester accepts."""


class CursorSpec(Model):
    """A request to set the cursor."""

    position: CursorPosition
    """Where to continue: oldest (all events that the source still has), live (only new events), or after a sequence
    number.
    """

    nonce: Annotated[str, Field(min_length=1, max_length=64)]
    """An arbitrary string of your choice, such as first-try. The cursor is set once for each nonce: use another nonce
    to set it again. Only the newest nonce is stored. So an earlier one, such as after a revert in Git, sets the
    cursor again.
    """


NEW_POSITION_NEEDS_NEW_NONCE: Final = Rule.transition(
    "self.nonce != oldSelf.nonce || self.position == oldSelf.position",
    message="give another nonce with another position: the cursor is set once for each nonce",
)


class CursorResetStatus(Model):
    """The result of a request to set the cursor."""

    nonce: str
    """The nonce of the spec.cursor that was applied."""

    from_: Annotated[str | None, Field(alias="from")] = None
    """The cursor before. Absent if there was none."""

    to: str | None = None
    """The cursor that was set: a sequence number, 0 for the oldest event, or !live."""

    at: Time | None = None
    """When the cursor was set."""


class GapStatus(Model):
    """A range of messages that the ingester did not get. Either the source no longer had them, or there was no cursor
    yet to ask for them.
    """

    from_seq: str | None = None
    """The first lost sequence number, decimal. Absent if it is unknown."""

    to_seq: str | None = None
    """The last lost sequence number, decimal. Absent while it is unknown, and if the source has started another
    sequence.
    """

    from_time: Time | None = None
    """Time of the newest event stored before the gap. With the reason NoCursor, when the connection ended. Absent if it
    is unknown.
    """

    to_time: Time | None = None
    """Time of the first event after the gap. Absent until there is one."""

    at: Time | None = None
    """When the gap was detected."""

    reason: str | None = None
    """Why messages were lost: OutdatedCursor, FutureCursor, SequenceMovedBack or NoCursor. NoCursor means that the
    connection ended before the first event of a live stream, so the next connection had no cursor to continue from.
    """
