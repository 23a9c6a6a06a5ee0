"""What ends the work of an ingester on one cursor: a person must act, or the cursor is lost."""

from sluice_ingester.cursor.gap import Gap


class HaltError(Exception):
    """The ingester cannot continue until a person acts. `reason` is in CamelCase, the message says what to do."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class CursorLostError(Exception):
    """The source cannot continue from the stored cursor. `gap` is what is lost by that."""

    def __init__(self, message: str, gap: Gap) -> None:
        super().__init__(message)
        self.gap = gap
