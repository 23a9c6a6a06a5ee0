"""Shortening text of any length to one line or to a maximum length. Pure."""

from typing import Final

from sluice_common.text import sanitize

_KEPT_END: Final = 300
"""Characters of the end that are always kept: the end of a message says what to do."""


_MAX_INPUT: Final = 32_768


def one_line(text: str) -> str:
    """`text` on one line, with printable characters only."""
    return sanitize(text[:_MAX_INPUT], max_length=_MAX_INPUT)


def truncate_middle(text: str, *, max_length: int) -> str:
    """`text` in at most `max_length` characters, which must be above 300. The middle is left out, the end is kept."""
    return text if len(text) <= max_length else f"{text[: max_length - _KEPT_END - 1]}…{text[-_KEPT_END:]}"
