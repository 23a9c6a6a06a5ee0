"""The names that Sluice shares with everybody else who touches the same Redis.

Consumers, the operator and people with `redis-cli` meet the ingester only through the streams,
keys and fields named here, so a change in this file is a change of a public contract. The names
of the streams, their fields and the cursor keys are those of the Rust ingester that Sluice
replaces: what read its streams reads ours.

Pure. The operator imports it, and of the ingester beside it only `hosts`, `redis_url`, `redis_client` and `text`.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

BACKFILL_DONE: Final = "!ingester-done"
"""Stored in a backfill cursor when the listing of repos has come to its end."""

CURSOR_LIVE: Final = "!live"
"""Stored as a cursor: go on with what comes from now on, whatever the settings say. The first append
puts a seq in its place."""

CURSOR_OLDEST: Final = "0"
"""Stored as a cursor: go on with the oldest event that the source still has."""

MAX_SEQ: Final = 2**53 - 1
"""The highest seq that a message or a cursor may have: JSON's numbers hold it in every language."""

DEADLETTER_CAP: Final = 10_000
"""About how many entries a dead-letter stream keeps; the oldest go first."""


class Stream(StrEnum):
    """A stream that an ingester writes."""

    FIREHOSE = "firehose_live"
    LABELS = "label_live"
    BACKFILL = "repo_backfill"

    @property
    def field(self) -> str:
        """The field that holds an entry's JSON."""
        return _FIELDS[self]


_FIELDS: Final = {Stream.FIREHOSE: "event", Stream.LABELS: "labels", Stream.BACKFILL: "repo"}


class DeadLetterField(StrEnum):
    """The fields of an entry in a dead-letter stream."""

    HOST = "host"
    SEQ = "seq"  # decimal, or empty where the frame did not tell
    REASON = "reason"  # a word of DeadLetter reasons, then what was wrong
    DETAIL = "detail"  # the path of a record ("collection/rkey"), or empty
    PAYLOAD = "payload"  # the bytes that could not be used, cut at 64 KiB


class HealthField(StrEnum):
    """The fields of the hash at `StreamKeys.health`. All values are text; times are RFC 3339 UTC.

    The append writes the first group in the same atomic step as the events; the ingester writes
    the second group when something changes, and `beat` at least every 5 s. The third group tells of
    the newest range of seqs that the source could not give: its last seq and the time of the first
    event after it are empty until that event is stored. The fourth is written by whoever resets the
    cursor as spec.cursor asks, in the same step.
    """

    SEQ = "seq"  # of the newest frame stored, decimal; of a backfill, the cursor
    EVENT_TIME = "eventTime"  # of the newest event stored, as the source gave it
    STORED = "stored"  # when the newest batch was stored
    EVENTS = "events"  # stored so far, counted over all restarts
    DEADLETTERS = "deadletters"  # stored so far, counted over all restarts
    BATCH = "batch"  # the newest batch's own name, by which a repeated call knows itself

    STATE = "state"  # a word of State
    REASON = "reason"  # CamelCase, why it is in this state; empty when streaming
    MESSAGE = "message"  # one sentence for a person; empty when streaming
    SINCE = "since"  # when the state last changed
    BEAT = "beat"  # when the ingester last wrote this hash
    STARTED = "started"  # when the process started
    POD = "pod"  # the name of the pod (its host name) that wrote the hash
    VERSION = "version"  # of the ingester
    RATE = "rate"  # events a second stored, mean of the last 60 s, one decimal; empty in the first 3 s
    RECONNECTS = "reconnects"  # since the process started
    FENCED = "fenced"  # since the process started
    ERRORS = "errors"  # since the process started
    LAST_ERROR = "lastError"  # one sentence
    LAST_ERROR_TIME = "lastErrorTime"

    LOST_FROM = "lostFrom"  # the first lost seq, decimal; empty if unknown
    LOST_TO = "lostTo"  # the last lost seq, decimal; empty if the sequence is another one
    LOST_FROM_TIME = "lostFromTime"  # of the newest event stored before; of NoCursor, when the connection ended
    LOST_TO_TIME = "lostToTime"  # of the first event after
    LOST_AT = "lostAt"  # when it was noticed
    LOST_REASON = "lostReason"  # OutdatedCursor, FutureCursor, SequenceMovedBack or NoCursor

    RESET_NONCE = "resetNonce"  # of the newest spec.cursor that was carried out
    RESET_FROM = "resetFrom"  # the cursor before; empty if there was none
    RESET_TO = "resetTo"  # the cursor that was set
    RESET_AT = "resetAt"


class ResumeField(StrEnum):
    """Further fields of that hash, which an ingester writes for the next one: nobody else needs them."""

    FRAMES = "frames"  # and frames0, frames1, ...: digests of the newest frames, see the module frames
    PART = "part"  # of a frame that Redis takes in parts only, the digests of those that are stored: see `portions`
    LIVE_SINCE = "liveSince"  # when the source was first read without a cursor; empty once there is one


class SourceState(StrEnum):
    """What an ingester is doing about one source."""

    CONNECTING = "connecting"
    STREAMING = "streaming"
    BACKPRESSURE = "backpressure"  # not reading until the sink takes events again
    WAITING = "waiting"  # for the next try, after an error
    HALTED = "halted"  # will not go on until a person acts: see Health.REASON
    DONE = "done"  # the listing has come to its end: a backfill rests
    STOPPED = "stopped"  # shut down in good order


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamKeys:
    """The Redis keys of one source in one stream.

    `host` is the source's HOST: see the module `hosts`.
    `prefix` stands before every key; empty for the contract of the Rust ingester. `former` are the names under
    which older versions may have kept the same source: see `formerly`.
    """

    stream: Stream
    host: str
    prefix: str = ""
    former_hosts: tuple[str, ...] = field(default=(), compare=False)

    @property
    def former_keys(self) -> "tuple[StreamKeys, ...]":
        """Its keys under former names. What stands there is brought here when an ingester resumes."""
        return tuple(StreamKeys(stream=self.stream, host=host, prefix=self.prefix) for host in self.former_hosts)

    @property
    def entries(self) -> str:
        """The stream itself."""
        return f"{self.prefix}{self.stream}"

    @property
    def cursor(self) -> str:
        """A string: the cursor of this source, decimal except for a backfill."""
        return f"{self.prefix}{self.stream}:cursor:{self.host}"

    def seen(self, slot: int) -> str:
        """A hash that expires: digests of the events that were stored in a slice of time."""
        return f"{self.prefix}{self.stream}:seen:{slot}"

    @property
    def health(self) -> str:
        """A hash: see Health."""
        return f"{self.prefix}{self.stream}:health:{self.host}"

    @property
    def resyncs(self) -> str:
        """The stream that is told which repos must be fetched again: the backfill's."""
        return f"{self.prefix}{Stream.BACKFILL}"

    @property
    def deadletter(self) -> str:
        """A capped stream: see DeadLetterField."""
        return f"{self.prefix}{self.stream}:deadletter"
