"""Words of others in words of ours, cut to what their place takes. Pure."""

from typing import Final

from sluice_common.text import readable

_END: Final = 300
"""So much of the end of a text stays in any case: it says what to do."""


_LOOKED_AT: Final = 32_768


def one_line(text: str) -> str:
    """`text` on one line, in printable characters, whoever wrote it."""
    return readable(text[:_LOOKED_AT], most=_LOOKED_AT)


def shortened(text: str, *, most: int) -> str:
    """`text` in at most so many characters, more than 300: what is too much is taken out before its end."""
    return text if len(text) <= most else f"{text[: most - _END - 1]}…{text[-_END:]}"
