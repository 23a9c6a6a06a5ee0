"""What a resource says about cursors: where to set one, what became of it, and what one has cost."""

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
"""A place in a source's sequence, as a user gives it: every number that the ingester takes, and no other."""


class CursorSpec(Model):
    """Where to go on, once."""

    position: CursorPosition
    """Where to go on: oldest (all that the source still has), live (only what comes from now on), or a
    sequence number, to go on with the message after it.
    """

    nonce: Annotated[str, Field(min_length=1, max_length=64)]
    """A word of your own, such as first-try. The cursor is set once for each nonce: give another one to set it
    again. Only the newest is remembered, so going back to an earlier one, as a revert in Git does, sets it again too.
    """


NEW_POSITION_NEEDS_NEW_NONCE: Final = Rule.transition(
    "self.nonce != oldSelf.nonce || self.position == oldSelf.position",
    message="give another nonce with another position: the cursor is set once for each nonce",
)


class CursorResetStatus(Model):
    """A cursor that was set as spec.cursor asks."""

    nonce: str
    """The nonce of the spec.cursor that was carried out."""

    from_: Annotated[str | None, Field(alias="from")] = None
    """The cursor before. Absent if there was none."""

    to: str | None = None
    """The cursor that was set: a sequence number, 0 for the oldest event, or !live."""

    at: Time | None = None
    """When it was set."""


class GapStatus(Model):
    """A range of messages that the source could not give, because it no longer had them, or that it could not
    be asked for, because there was no cursor yet.
    """

    from_seq: str | None = None
    """The first lost sequence number, decimal. Absent if it is unknown."""

    to_seq: str | None = None
    """The last lost sequence number, decimal. Absent while it is unknown, and if the source's sequence is
    another one.
    """

    from_time: Time | None = None
    """The time of the newest event stored before, or with NoCursor when the connection ended. Absent if it is
    unknown.
    """

    to_time: Time | None = None
    """The time of the first event after. Absent until there is one."""

    at: Time | None = None
    """When it was noticed."""

    reason: str | None = None
    """Why: OutdatedCursor, FutureCursor, SequenceMovedBack, or NoCursor: read live, the connection ended before the
    first event, and without a cursor the next one could not ask for what came meanwhile.
    """
