"""Foreign text, made fit to be shown and stored. Pure.

What a source, a proxy, a library or a server says may hold anything: bytes that are no UTF-8 (in a `str`
of Python: lone surrogates, which no encoder takes), control characters, line breaks that forge a second
log line, marks that turn the direction of writing, and megabytes of all that. It goes into the health
hash, the status of a resource, Events, logs and metrics, so it is made readable once, where it enters.
The operator imports this, too.
"""

from typing import Final

_ELLIPSIS: Final = "…"
_BYTES_PER_CHARACTER: Final = 2
_READ_FACTOR: Final = 4


def sanitize(text: str, *, max_length: int) -> str:
    """`text` on one line, in printable characters: at most `most` of them, and at most `2 * most` bytes of UTF-8.

    Runs of white space become one blank. Bytes that were no UTF-8 are shown as the Latin-1 characters that
    they mostly are, what can't be printed as an escape such as `\\x1b` or `\\u202e`. Text that is cut ends
    with `…`. What is readable already stays as it is.
    """
    is_cut = len(text) > _READ_FACTOR * max_length
    line = " ".join(text[: _READ_FACTOR * max_length].split())
    if not line.isprintable():
        line = "".join(map(_escaped, line))
    if not is_cut and _fits(line, max_length):
        return line
    line = line[: max_length - 1]
    while not _fits(line + _ELLIPSIS, max_length):
        line = line[:-1]
    return line + _ELLIPSIS


def _fits(line: str, most: int) -> bool:
    return len(line) <= most and (line.isascii() or len(line.encode()) <= _BYTES_PER_CHARACTER * most)


def _escaped(character: str) -> str:
    if character.isprintable():
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # how Python holds a byte that it could not decode
        code -= 0xDC00
        if chr(code).isprintable():
            return chr(code)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
