"""Sanitizing text from other programs: it becomes printable and short. Pure.

Text from a source, a proxy, a library or a server can contain anything:

- bytes that are not UTF-8, which Python keeps as lone surrogates that no encoder accepts
- control characters, and characters that change the direction of writing
- line breaks, which forge a second log line
- megabytes of data

Such text goes into the health hash, the status of a resource, Events, logs and metrics. So it is sanitized once, where
it enters.
"""

from typing import Final

_ELLIPSIS: Final = "…"
_BYTES_PER_CHARACTER: Final = 2
_READ_FACTOR: Final = 4


def sanitize(text: str, *, max_length: int) -> str:
    """`text` on one line, with printable characters only.

    The result has at most `max_length` characters, and at most `2 * max_length` bytes of UTF-8. If the text is cut, it
    ends with `…`. White space becomes one blank. Bytes that were not UTF-8 become Latin-1 characters. Other
    characters that cannot be printed become escapes such as `\\x1b` or `\\u202e`. Text that is printable already does
    not change.
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


def error_text(error: BaseException, *, max_length: int) -> str:
    """The message of `error`, sanitized, or the name of its type if it has none."""
    return sanitize(str(error), max_length=max_length) or type(error).__name__


def _fits(line: str, most: int) -> bool:
    return len(line) <= most and (line.isascii() or len(line.encode()) <= _BYTES_PER_CHARACTER * most)


def _escaped(character: str) -> str:
    if character.isprintable():
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # how Python keeps a byte that it could not decode
        code -= 0xDC00
        if chr(code).isprintable():
            return chr(code)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
