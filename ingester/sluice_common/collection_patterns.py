"""The syntax of collection patterns: `app.bsky.feed.post`, `app.bsky.*`, or `*` for all collections. Pure.

The ingester checks its setting by it. The CRD refuses the same patterns, so it uses only what RE2 and Python share.
"""

from typing import Final

_FIRST: Final = r"[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_SEGMENT: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_NSID: Final = rf"{_FIRST}(?:\.{_SEGMENT})+\.[A-Za-z][A-Za-z0-9]{{0,62}}"
_PREFIX: Final = rf"(?:{_FIRST}(?:\.{_SEGMENT})*\.)?\*"

COLLECTION_PATTERN: Final = rf"{_NSID}|{_PREFIX}"
"""A regular expression for the whole text: an NSID (https://atproto.com/specs/nsid), or the beginning of one up to a
dot and then `*`, or `*` alone.
"""

MAX_COLLECTION_PATTERN_LENGTH: Final = 317
"""In characters. It is the longest NSID."""
