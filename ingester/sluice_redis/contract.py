"""The names of streams, keys and fields in Redis. Pure.

Consumers, the operator and people with `redis-cli` use these names, so they are a public contract. Streams, their
fields and cursor keys have the names of the Rust ingester that Sluice replaces, so its consumers work without a change.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

BACKFILL_DONE: Final = "!ingester-done"
"""Stored as the cursor of a backfill when the listing of repositories has ended."""

CURSOR_LIVE: Final = "!live"
"""Stored as a cursor: continue with new events only, whatever the settings say. The first append replaces it."""

CURSOR_OLDEST: Final = "0"
"""Stored as a cursor: continue with the oldest event that the source still has."""

DEADLETTER_CAP: Final = 10_000
"""The approximate number of entries that a dead-letter stream keeps. The oldest are removed first."""


SOURCE_LIST_VERSION: Final = "version"
"""The field of a source list that changes with each change of the list. Every other field is an entry."""


def applied_key(source_list: str) -> str:
    """The key of the string that says which version of the source list at `source_list` is applied."""
    return f"{source_list}:applied"


def applied_value(version: str, pod: str) -> str:
    """The value of that string: the version, and the name of the pod that has applied it, which has no blanks."""
    return f"{version} {pod}"


class Stream(StrEnum):
    """A stream that an ingester writes."""

    FIREHOSE = "firehose_live"
    LABELS = "label_live"
    BACKFILL = "repo_backfill"

    @property
    def field(self) -> str:
        """The field of an entry that contains its JSON."""
        return _FIELDS[self]


_FIELDS: Final = {Stream.FIREHOSE: "event", Stream.LABELS: "labels", Stream.BACKFILL: "repo"}


class HealthField(StrEnum):
    """The fields of the hash at `StreamKeys.health`. All values are text. Times are RFC 3339 in UTC.

    1. The append writes the first group, in the same atomic step as the events.
    2. The ingester writes the second group after a change, and `beat` at least every 5 s.
    3. The third group describes the newest range of seqs that the source could not deliver. The end of the range is
       empty until the first event after it is stored.
    4. The operator writes the fourth group when it sets the cursor for `spec.cursor`, in the same step.
    """

    SEQ = "seq"  # of the newest frame stored, decimal; of a backfill, the cursor
    EVENT_TIME = "eventTime"  # how far the stored events have come, in the source's time
    STORED = "stored"  # when the newest batch was stored
    EVENTS = "events"  # stored so far, counted over all restarts
    DEADLETTERS = "deadletters"  # stored so far, counted over all restarts
    BATCH = "batch"  # the ID of the newest batch; it identifies a repeated call

    STATE = "state"  # a value of SourceState
    REASON = "reason"  # why it is in this state, in CamelCase; empty when streaming
    MESSAGE = "message"  # the same for people; empty when streaming
    SINCE = "since"  # when the state last changed
    BEAT = "beat"  # when the ingester last wrote this hash
    STARTED = "started"  # when the process started
    POD = "pod"  # the name of the pod (its host name) that wrote the hash
    VERSION = "version"  # of the ingester
    RATE = "rate"  # stored events per second, mean of the last 60 s, one decimal; empty in the first 3 s
    RECONNECTS = "reconnects"  # since the process started
    FENCED = "fenced"  # since the process started
    ERRORS = "errors"  # since the process started
    LAST_ERROR = "lastError"  # one sentence
    LAST_ERROR_TIME = "lastErrorTime"

    LOST_FROM = "lostFrom"  # the first lost seq, decimal; empty if unknown
    LOST_TO = "lostTo"  # the last lost seq, decimal; empty if the source has begun another sequence
    LOST_FROM_TIME = "lostFromTime"  # of the newest event before; with NoCursor, when the connection ended
    LOST_TO_TIME = "lostToTime"  # of the first event after
    LOST_AT = "lostAt"  # when the ingester detected it
    LOST_REASON = "lostReason"  # OutdatedCursor, FutureCursor, SequenceMovedBack or NoCursor

    RESET_NONCE = "resetNonce"  # of the newest spec.cursor that was carried out
    RESET_FROM = "resetFrom"  # the cursor before; empty if there was none
    RESET_TO = "resetTo"  # the cursor that was set
    RESET_AT = "resetAt"


class ResumeField(StrEnum):
    """Further fields of that hash. Only ingesters use them, to resume."""

    FRAMES = "frames"  # and frames0, frames1, ...: digests of the newest frames
    PART = "part"  # digests of the stored events of a frame that is too large for one request
    LIVE_SINCE = "liveSince"  # when the source was first read without a cursor; empty once there is one


class SourceState(StrEnum):
    """What an ingester is doing with one source."""

    CONNECTING = "connecting"
    STREAMING = "streaming"
    BACKPRESSURE = "backpressure"  # not reading until Redis accepts events again
    WAITING = "waiting"  # for the next attempt, after an error
    HALTED = "halted"  # until a person acts, see HealthField.REASON
    DONE = "done"  # the listing has ended
    STOPPED = "stopped"  # the process has shut down


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamKeys:
    """The Redis keys of one source in one stream.

    `host` is the source's HOST, as `sluice_redis.hosts` normalizes it. `prefix` is the beginning of every key.
    `former_hosts` are names that older versions used for the same source.
    """

    stream: Stream
    host: str
    prefix: str = ""
    former_hosts: tuple[str, ...] = field(default=(), compare=False)

    @property
    def former_keys(self) -> "tuple[StreamKeys, ...]":
        """The keys with former names of the host. An ingester renames them when it resumes."""
        return tuple(StreamKeys(stream=self.stream, host=host, prefix=self.prefix) for host in self.former_hosts)

    @property
    def entries(self) -> str:
        """The stream itself."""
        return f"{self.prefix}{self.stream}"

    @property
    def cursor(self) -> str:
        """A string: the cursor of this source. It is decimal, except for a backfill."""
        return f"{self.prefix}{self.stream}:cursor:{self.host}"

    def seen(self, slot: int) -> str:
        """A hash that expires: digests of the events that were stored in the time slot `slot`."""
        return f"{self.prefix}{self.stream}:seen:{slot}"

    @property
    def health(self) -> str:
        """A hash with the fields of HealthField."""
        return f"{self.prefix}{self.stream}:health:{self.host}"

    @property
    def resyncs(self) -> str:
        """The stream of repositories that must be fetched again. It is the backfill's."""
        return f"{self.prefix}{Stream.BACKFILL}"

    @property
    def deadletter(self) -> str:
        """A capped stream of what could not be decoded, with the fields host, seq, reason, detail and payload."""
        return f"{self.prefix}{self.stream}:deadletter"
