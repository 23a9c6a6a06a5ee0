"""Frequent mistakes when a Redis URL is put into a Secret or a variable, and messages that name them. Pure.

A URL in quotes, or one that is encoded twice, is refused and not repaired. Other readers of the same Secret would not
repair it either. Only white space around the URL is removed, because many editors add it.
"""

import base64
import binascii
import re
from collections.abc import Iterable
from typing import Final

_BYTE_ORDER_MARK: Final = "\ufeff"
_QUOTES: Final = "\"'`\u2018\u2019\u201c\u201d\u00ab\u00bb<>"
_VARIABLE_ASSIGNMENT: Final = re.compile(r"(?:export\s+)?[A-Za-z_][A-Za-z0-9_.-]*\s*(?:=|:\s)\s*(?=\S)")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_MIN_BASE64_LENGTH: Final = 12


def strip_url(url: str | bytes) -> str:
    """`url` without white space around it. ValueError if it is not text."""
    if isinstance(url, str):
        return url.strip()
    try:
        return url.decode().strip()
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8 text: save it as plain UTF-8") from None


def find_mistake(text: str, *, schemes: Iterable[str]) -> str:
    """What is wrong with `text`, and what to do. Empty if none of the known mistakes is found.

    `text` has no white space around it.
    """
    mistakes = (
        (not text, "it is empty"),
        (
            text.startswith(_BYTE_ORDER_MARK),
            "it begins with a byte order mark, which some editors write: save it without",
        ),
        (_is_quoted(text), "it is in quotes: remove them"),
        (
            _is_base64(text),
            "it is base64 of a URL: encode it once (stringData and kubectl's --from-literal encode by themselves)",
        ),
        (_VARIABLE_ASSIGNMENT.match(text), "it begins with the name of a variable: give only the value"),
        (re.search(r"\s", text), "there is a blank or a line break in it: write it on one line, a blank as %20"),
        (not text.isprintable(), "there is an invisible character in it: type it again"),
    )
    return next((message for found, message in mistakes if found), "") or _scheme_mistake(text, schemes)


def _is_quoted(text: str) -> bool:
    return text[:1] in _QUOTES or text[-1:] in _QUOTES


def _scheme_mistake(text: str, schemes: Iterable[str]) -> str:
    if _SCHEME.match(text):
        web = re.match("https?://", text, re.IGNORECASE)
        return "it is the address of a website or of a REST interface, not of a Redis" if web else ""
    if any(f"{scheme}://" in text.lower() for scheme in schemes):
        return "there is text before its scheme: remove it"
    return "it has no scheme: put redis:// in front, or rediss:// for TLS"


def _is_base64(text: str) -> bool:
    """Whether it is base64 of a URL, on one line or several."""
    packed = "".join(text.split())
    if len(packed) < _MIN_BASE64_LENGTH or not re.fullmatch(r"[A-Za-z0-9+/_-]+={0,2}", packed):
        return False
    packed = packed.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        inner = base64.b64decode(packed + "=" * (-len(packed) % 4))
    except (binascii.Error, ValueError):
        return False
    return b"://" in inner or _is_base64(inner.decode("ascii", errors="replace").strip())
