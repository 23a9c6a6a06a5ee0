"""The collection filter: patterns such as `app.bsky.feed.post`, `app.bsky.*`, or `*` for all collections."""

import re
from collections.abc import Sequence
from typing import Final

_LABEL: Final = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_FIRST: Final = r"[a-zA-Z](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_NAME: Final = r"[a-zA-Z][a-zA-Z0-9]{0,62}"
_NSID: Final = re.compile(rf"{_FIRST}(?:\.{_LABEL})+\.{_NAME}")
_PREFIX: Final = re.compile(rf"{_FIRST}(?:\.{_LABEL})*\.\*")
_MAX_LENGTH: Final = 317


class CollectionFilter:
    """A set of patterns. A collection passes if it matches one of them.

    A pattern is an NSID (https://atproto.com/specs/nsid), the beginning of an NSID up to a dot and then `*`, or `*`
    alone. ValueError names a pattern that is none of these.
    """

    __slots__ = ("_accepts_all", "_exact", "_prefixes")

    def __init__(self, patterns: Sequence[str]) -> None:
        if not patterns:
            raise ValueError('no collection is named: give "*" for all of them')
        for pattern in patterns:
            if not _is_pattern(pattern):
                raise ValueError(
                    f"{pattern!r} is no collection pattern: give an NSID such as app.bsky.feed.post, "
                    "the beginning of one such as app.bsky.*, or * for every collection"
                )
        self._accepts_all = "*" in patterns
        self._exact = frozenset(pattern for pattern in patterns if not pattern.endswith("*"))
        self._prefixes = tuple(sorted(pattern[:-1] for pattern in patterns if pattern.endswith(".*")))

    def accepts(self, collection: str) -> bool:
        """Whether `collection` matches one of the patterns."""
        return self._accepts_all or collection in self._exact or collection.startswith(self._prefixes)


def _is_pattern(pattern: str) -> bool:
    if pattern == "*":
        return True
    if len(pattern) > _MAX_LENGTH:
        return False
    return bool(_NSID.fullmatch(pattern) or _PREFIX.fullmatch(pattern))
