"""Why a source halts, and what a person can do: the words of it. Pure."""

from dataclasses import dataclass
from typing import Final

from sluice_ingester.cursor import StartFrom

_OTHER_SEQUENCE: Final = "its sequence began anew, or the cursor belongs to another one"


class HaltError(Exception):
    """It can't go on until a person acts: `reason` is CamelCase, the message says what to do."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Halts:
    """The reasons for which `source`, with its cursor at the key `cursor_key`, can halt."""

    source: str
    cursor_key: str
    start_from: StartFrom

    def unreadable(self, error: Exception) -> HaltError:
        """The stored cursor is no seq."""
        return self._halt("CursorUnreadable", f"the cursor at {self.cursor_key} is not usable: {error}")

    def future(self, cursor: str | None) -> HaltError:
        """The source says that the cursor is in its future."""
        return self._halt("FutureCursor", f"cursor {cursor} is in the future of {self.source}: {_OTHER_SEQUENCE}")

    def moved_back(self, *, seq: int | None, position: int | None) -> HaltError:
        """The source sent `seq` after `position`."""
        return self._halt("SequenceMovedBack", f"{self.source} sent seq {seq} after {position}: {_OTHER_SEQUENCE}")

    def _halt(self, reason: str, what: str) -> HaltError:
        where = self.start_from if isinstance(self.start_from, str) else f"seq {self.start_from}"
        remedy = (
            f"SET {self.cursor_key} to a seq of this source, or DEL it to begin at INGESTER_START_FROM "
            f"({where}): the ingester follows within seconds"
        )
        return HaltError(reason, f"{what}; {remedy}")
