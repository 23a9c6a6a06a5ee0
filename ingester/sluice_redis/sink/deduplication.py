"""One event once, though several relays tell of it: how the append knows an event again. Pure.

Relays number and date events on their own, so an event is known by all the rest of it, with DID and rev.
What has no rev (an account or identity event) is never left out: the same may happen again, and nothing tells
whether another relay means this time or the last. Digests of what was stored are kept for a window of time, in a
few hashes that each cover a slice of it and then expire. With each digest stands who has told of it, and how
often: what a relay tells for the second time is matched with the second time of another relay, never with the
first. So a relay never suppresses its own events, and a replay that somebody asked for is stored again.
"""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sluice_redis.contract import StreamKeys

DIGEST_BYTES: Final = 10
"""Two of a million events an hour share a digest once in some million years; what they would lose
is one event, and only if two relays sent them."""
_WITHOUT_REV: Final = (b'{"type":"account"', b'{"type":"identity"')
_SOURCE_TAG_BYTES: Final = 2
_SLICES: Final = 2
_SLACK_SECONDS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateCheck:
    """What the append needs to know events again.

    `buckets` are the keys to look in; the second one takes what is new, for `seconds`. `tag` stands for the
    relay. `digests` are those of the events, one each; an event with an empty one is always new.
    """

    buckets: Sequence[str]
    expire_seconds: int
    source_tag: bytes
    digests: Sequence[bytes]


class Deduplicator:
    """Knows events again for at least `window` seconds."""

    def __init__(self, keys: StreamKeys, *, window: int) -> None:
        self._keys = keys
        self._slice_seconds = max(1, -(-window // _SLICES))
        self._source_tag = hashlib.blake2b(keys.host.encode(), digest_size=_SOURCE_TAG_BYTES).digest()

    def duplicate_check(self, events: Sequence[bytes], *, now: float | None = None) -> DuplicateCheck:
        """What to give to the append for `events`, at the time `now`."""
        slot = int(time.time() if now is None else now) // self._slice_seconds
        # One ahead, for the ingester of another relay whose clock is.
        slots = (slot + 1, slot, *(slot - back for back in range(1, _SLICES + 1)))
        return DuplicateCheck(
            buckets=[self._keys.seen(slot) for slot in slots],
            expire_seconds=_SLICES * self._slice_seconds + min(self._slice_seconds, _SLACK_SECONDS),
            source_tag=self._source_tag,
            digests=[event_digest(event) for event in events],
        )


def event_digest(event: bytes) -> bytes:
    """Of an event's JSON without `seq` and `time`, which stand between its `type` and its `did`.

    Empty if the event has no rev.
    """
    kind, _, rest = event.partition(b',"seq":')
    if kind in _WITHOUT_REV:
        return b""
    return hashlib.blake2b(kind + rest[rest.find(b',"did":') :], digest_size=DIGEST_BYTES).digest()
