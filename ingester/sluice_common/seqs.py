"""The limit of sequence numbers that events and cursors may have."""

from typing import Final

MAX_SEQ: Final = 2**53 - 1
"""The highest seq of a message or a cursor. A JSON number can represent it in every language."""
