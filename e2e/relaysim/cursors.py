"""How servers handle a client's cursor: rules, a profile for each server, and where the replay starts."""

from dataclasses import dataclass

from e2e.relaysim import frames
from e2e.relaysim.window import Window


@dataclass(frozen=True, slots=True)
class CursorRules:
    """How one server reads cursors. Servers differ, and clients have to cope.

    - ``inclusive``: replay starts with the cursor's own event.
    - ``outdated_info``: a cursor older than the window gets ``#info OutdatedCursor``; otherwise replay starts silently
      with the oldest event. Cursor 0 gets it only with ``zero_outdated``.
    - ``future_error``: a cursor beyond the newest event gets a ``FutureCursor`` error; otherwise the client silently
      gets live events.
    """

    inclusive: bool
    outdated_info: bool
    future_error: bool
    zero_outdated: bool = False


PROFILES = {
    "spec": CursorRules(inclusive=True, outdated_info=True, future_error=True),
    "pds": CursorRules(inclusive=False, outdated_info=True, future_error=True, zero_outdated=True),
    "indigo": CursorRules(inclusive=False, outdated_info=False, future_error=False),
    "rainbow": CursorRules(inclusive=True, outdated_info=False, future_error=False),
    "ozone": CursorRules(inclusive=False, outdated_info=False, future_error=True),
}
"""By server: the letter of the specification, the reference PDS, indigo's relay, rainbow, Ozone's labels."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where a subscription starts, and the message that comes first; a ``fatal`` message also ends it."""

    position: int
    message: bytes | None = None
    fatal: bool = False


def seek(window: Window, cursor: int | None, rules: CursorRules) -> Start:
    """Apply the rules to a client's cursor; no cursor asks for live events."""
    if cursor is None:
        return Start(window.end)
    if cursor > window.newest:
        if rules.future_error:
            return Start(window.end, frames.error("FutureCursor", "Cursor in the future."), fatal=True)
        return Start(window.end)
    message = None
    if cursor < window.lost and rules.outdated_info and (cursor > 0 or rules.zero_outdated):
        text = "Requested cursor exceeded limit. Possibly missing events"
        message = frames.info("OutdatedCursor", text)
    return Start(window.position(cursor if rules.inclusive else cursor + 1), message)
