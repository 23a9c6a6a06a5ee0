"""The collection filter: patterns such as `app.bsky.feed.post`, `app.bsky.*`, or `*` for all collections."""

import re
from collections.abc import Sequence
from typing import Final

from sluice_common.collection_patterns import COLLECTION_PATTERN, MAX_COLLECTION_PATTERN_LENGTH

_PATTERN: Final = re.compile(COLLECTION_PATTERN)


class CollectionFilter:
    """A set of patterns. A collection passes if it matches one of them. ValueError names what is no pattern.

    `accepts_all` is whether every collection passes.
    """

    __slots__ = ("_exact", "_prefixes", "accepts_all")

    def __init__(self, patterns: Sequence[str]) -> None:
        if not patterns:
            raise ValueError('no collection is named: give "*" for all of them')
        for pattern in patterns:
            if not _is_pattern(pattern):
                raise ValueError(
                    f"{pattern!r} is no collection pattern: give an NSID such as app.bsky.feed.post, "
                    "the beginning of one such as app.bsky.*, or * for every collection"
                )
        self.accepts_all = "*" in patterns
        self._exact = frozenset(pattern for pattern in patterns if not pattern.endswith("*"))
        self._prefixes = tuple(sorted(pattern[:-1] for pattern in patterns if pattern.endswith(".*")))

    def accepts(self, collection: str) -> bool:
        """Whether `collection` matches one of the patterns."""
        return self.accepts_all or collection in self._exact or collection.startswith(self._prefixes)


def _is_pattern(pattern: str) -> bool:
    return len(pattern) <= MAX_COLLECTION_PATTERN_LENGTH and _PATTERN.fullmatch(pattern) is not None
