"""The fingerprint of a frame, by which a repeated frame is recognised: a digest of its bytes without `time`. Pure.

The bytes include the seq. So two frames share a fingerprint only if they are the same message with the same seq. `time`
is left out, because servers may write another one when they replay.

The blocks of a usual commit whose records are all verified are left out, too: the rest of the frame has the CIDs of its
records, so the events are the same. If a record is damaged or missing, its frame is not decoded that way, and all bytes
count. So a repaired repeat of it is no repeat. The fingerprint does not depend on settings, with one exception: a frame
whose damaged records the collection filter leaves out gets another one if a changed filter includes them.

XXH3 is no cryptographic hash, and need not be one. Only the source chooses the seqs, and a source that wants to hide a
frame does not send it.
"""

import re
from typing import Final

import xxhash

from sluice_wire.usual_commit import LENGTH_BYTES, TIME_BYTES, UsualCommit

FINGERPRINT_BYTES: Final = 8
"""Of some hundred frames, two share a fingerprint once in 10^14 times."""

# The key "time", the head of a text, a time. In the key order of DAG-CBOR it comes before the blocks.
_TIME: Final = re.compile(
    rb"\x64time(?:[\x60-\x77]|\x78.)[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9:.]+(?:[Zz]|[+-][0-9]{2}:[0-9]{2})", re.DOTALL
)


def fingerprint(data: bytes) -> bytes:
    """The FINGERPRINT_BYTES bytes of the frame `data`."""
    found = _TIME.search(data)
    digest: bytes = xxhash.xxh3_64_digest(data if found is None else data[: found.start()] + data[found.end() :])
    return digest


def fingerprint_of_commit(data: bytes, commit: UsualCommit) -> bytes:
    """The fingerprint of a frame whose events `fast_commit` has decoded. It does not contain the blocks.

    The rest of the frame contains the CIDs of all its records, and the records have been verified.
    """
    before_time = data[: commit.time_field]
    before_blocks = data[commit.time + TIME_BYTES : commit.blocks - LENGTH_BYTES]
    digest: bytes = xxhash.xxh3_64_digest(before_time + before_blocks + data[commit.blocks_end :])
    return digest
