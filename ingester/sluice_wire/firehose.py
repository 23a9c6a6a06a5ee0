"""Decoding frames of the firehose, com.atproto.sync.subscribeRepos.

A frame that cannot be decoded does not stop the stream, because after a reconnect the source would send it again. It
becomes a dead letter, and the cursor moves.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final

from sluice_wire.account import decode_account, decode_identity, decode_sync, decode_tombstone
from sluice_wire.collection_filter import CollectionFilter
from sluice_wire.commit import decode_commit
from sluice_wire.event_stream import MessageHandler, decode_frame
from sluice_wire.events import DecodedFrame, ErrorFrame, InfoMessage
from sluice_wire.fast_commit import decode_usual_commit

NSID: Final = "com.atproto.sync.subscribeRepos"


class FirehoseDecoder:
    """Decodes the frames of one firehose. It keeps no state between frames.

    `collections` are patterns of a CollectionFilter. Operations on other collections are left out. ValueError names an
    invalid pattern. With `omit_sync` a #sync gives no event. With `resync_origin`, the host with its scheme, each #sync
    also gives an entry for the backfill's stream.
    """

    def __init__(
        self, *, collections: Sequence[str], omit_sync: bool = False, resync_origin: str | None = None
    ) -> None:
        self._collections = CollectionFilter(collections)
        self._handlers: dict[str, MessageHandler] = {
            "#commit": partial(decode_commit, collections=self._collections),
            "#identity": decode_identity,
            "#account": decode_account,
            "#sync": partial(decode_sync, omit_event=omit_sync, resync_origin=resync_origin),
            "#handle": decode_identity,
            "#tombstone": decode_tombstone,
        }

    def decode(self, data: bytes, *, received: datetime) -> DecodedFrame | InfoMessage | ErrorFrame:
        """Decode the frame `data`. Never raises, whatever the bytes.

        `received`, with its time zone, replaces the time of a message that has none.
        """
        usual = decode_usual_commit(data, self._collections)
        if usual is not None:
            return usual
        return self.decode_strictly(data, received=received)

    def decode_strictly(self, data: bytes, *, received: datetime) -> DecodedFrame | InfoMessage | ErrorFrame:
        """The same as `decode`, without the fast path. It is the reference."""
        return decode_frame(data, received=received, nsid=NSID, handlers=self._handlers)
