"""Words of others in words of ours, cut to what their place takes. Pure."""

from typing import Final

from sluice_common.text import sanitize

_KEPT_END: Final = 300
"""So much of the end of a text stays in any case: it says what to do."""


_MAX_INPUT: Final = 32_768


def one_line(text: str) -> str:
    """`text` on one line, in printable characters, whoever wrote it."""
    return sanitize(text[:_MAX_INPUT], max_length=_MAX_INPUT)


def truncate_middle(text: str, *, max_length: int) -> str:
    """`text` in at most so many characters, more than 300: what is too much is taken out before its end."""
    return text if len(text) <= max_length else f"{text[: max_length - _KEPT_END - 1]}…{text[-_KEPT_END:]}"
