"""A sequence that does not fit the cursor: it is retried until it is confirmed. Pure.

There can be several servers behind one name, one of them a moment late. So one connection proves nothing.
"""

from typing import Final

from sluice_ingester.cursor.errors import CursorLostError
from sluice_ingester.cursor.gap import Gap
from sluice_ingester.sources.failure import SourceError, SourceFailure

CONFIRMING_CONNECTIONS: Final = 4
"""Connections in a row whose sequence must move back before that is believed without proof."""


class MisfitCounter:
    """Counts the connections in a row whose sequence does not fit the cursor."""

    def __init__(self) -> None:
        self._count = 0

    @property
    def is_reset(self) -> bool:
        """Whether the last frame fitted the cursor."""
        return self._count == 0

    def reset(self) -> None:
        """Begin anew: a frame fits the cursor."""
        self._count = 0

    def error(self, message: str, gap: Gap, *, certain: bool) -> SourceError | CursorLostError:
        """The error of one more such connection: SourceError, which is retried, or CursorLostError once confirmed.

        `gap` is what is lost then. `certain`: there is proof, so nothing needs to be confirmed.
        """
        self._count += 1
        if self._count < CONFIRMING_CONNECTIONS and not certain:
            return SourceError(SourceFailure(gap.reason, message))
        self._count = 0
        return CursorLostError(message, gap)
