"""Deduplication: how the append recognises an event that another relay has delivered. Pure.

- Relays number and date events on their own. So an event is identified by its JSON without `seq` and `time`.
- An event without a rev (account, identity) is never left out. The same event may happen again, and nothing says
  whether another relay means this occurrence or the previous one.
- Digests of stored events are kept for a window of time, in a few hashes. Each hash covers a slice of the window, and
  then expires.
- Each digest is stored with the relays that delivered it, once for each delivery. The second delivery by one relay is
  compared with the second by another. So a relay never suppresses its own events, and a replay is stored again.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sluice_redis.contract import StreamKeys

DIGEST_BYTES: Final = 10
"""At a million events an hour, two of them share a digest once in about a million years. Then one event is lost, and
only if two relays sent them."""
_WITHOUT_REV: Final = (b'{"type":"account"', b'{"type":"identity"')
_SOURCE_TAG_BYTES: Final = 2
_SLICES: Final = 2
_SLACK_SECONDS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateCheck:
    """What the append needs to recognise events.

    `buckets` are the keys of the hashes to read. New digests go into the second one, which expires after
    `expire_seconds`. `source_tag` identifies the relay. `digests` has one for each event. An event with an empty digest
    is always new.
    """

    buckets: Sequence[str]
    expire_seconds: int
    source_tag: bytes
    digests: Sequence[bytes]


class Deduplicator:
    """Computes the keys and digests that recognise events for at least `window` seconds."""

    def __init__(self, keys: StreamKeys, *, window: int) -> None:
        self._keys = keys
        self._slice_seconds = max(1, -(-window // _SLICES))
        self._source_tag = hashlib.blake2b(keys.host.encode(), digest_size=_SOURCE_TAG_BYTES).digest()

    def duplicate_check(self, events: Sequence[bytes], *, now: float) -> DuplicateCheck:
        """What to give to the append for `events`, at `now`, in seconds since 1970."""
        slot = int(now) // self._slice_seconds
        # One slot in the future: the clock of another relay's ingester may be ahead.
        slots = (slot + 1, slot, *(slot - back for back in range(1, _SLICES + 1)))
        return DuplicateCheck(
            buckets=[self._keys.seen(slot) for slot in slots],
            expire_seconds=_SLICES * self._slice_seconds + min(self._slice_seconds, _SLACK_SECONDS),
            source_tag=self._source_tag,
            digests=[event_digest(event) for event in events],
        )


def event_digest(event: bytes) -> bytes:
    """The digest of an event's JSON without `seq` and `time`, which are between `type` and `did`.

    Empty if the event has no rev.
    """
    kind, _, rest = event.partition(b',"seq":')
    if kind in _WITHOUT_REV:
        return b""
    return hashlib.blake2b(kind + rest[rest.find(b',"did":') :], digest_size=DIGEST_BYTES).digest()
