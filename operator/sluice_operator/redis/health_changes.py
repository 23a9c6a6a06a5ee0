"""Compares a health hash with what was read before. No I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from typing import Final

from sluice_common.times import parse_time
from sluice_operator.observed.facts.redis import SinkReadFailure
from sluice_operator.observed.report_age import FRESH_SECONDS
from sluice_redis.contract import HealthField

_BEAT: Final = HealthField.BEAT.encode()
_POD: Final = HealthField.POD.encode()
FIELDS: Final = tuple(name.encode() for name in HealthField)
"""The names of the fields. All others of a hash are digests that only ingesters use."""
_STATE_FIELDS: Final = frozenset(
    name.encode()
    for name in HealthField
    if name
    not in {
        HealthField.SEQ,
        HealthField.EVENT_TIME,
        HealthField.STORED,
        HealthField.EVENTS,
        HealthField.DEADLETTERS,
        HealthField.BATCH,
        HealthField.BEAT,
        HealthField.RATE,
    }
)
"""The fields that a condition or an Event may depend on. All others are numbers, and digests for ingesters."""


class Change(Enum):
    """How a stream has changed."""

    NONE = auto()
    NUMBERS = auto()
    STATE = auto()
    """Anything else than numbers. A condition may depend on it."""


@dataclass(slots=True)
class SeenHealth:
    """The health hash of one stream, as it was read last."""

    fields: Mapping[bytes, bytes] = field(default_factory=dict)
    """Without the heartbeat."""
    cursor: bytes | None = None
    heartbeat: datetime | None = None
    """By the clock of the ingester."""
    read_at: float = 0.0
    """On the monotonic clock."""
    _beat: bytes = b""
    _beat_seen_at: float = 0.0
    """When this heartbeat was first read, on the monotonic clock."""
    _is_silent: bool = False
    """Whether there was no heartbeat for so long that the report is no longer trusted."""
    _failure: SinkReadFailure | None = None

    @property
    def writer(self) -> str:
        """The name of the pod that has written it."""
        return self.fields.get(_POD, b"").decode(errors="surrogateescape")

    def update(self, hash_: Mapping[bytes, bytes], cursor: bytes | None, *, monotonic: float) -> Change:
        """Store what was read now. Returns how it differs from what was read before."""
        self.read_at = monotonic
        beat = hash_.get(_BEAT, b"")
        fields = {name: hash_[name] for name in FIELDS if name in hash_ and name != _BEAT}
        change = self._compare(fields)
        if cursor != self.cursor:
            self.cursor = cursor
            change = Change.NUMBERS if change is Change.NONE else change
        if beat != self._beat:
            if self._is_silent:
                change = Change.STATE
            self._beat, self._beat_seen_at, self._is_silent = beat, monotonic, False
            self.heartbeat = parse_time(beat.decode(errors="surrogateescape"))
        elif beat and not self._is_silent and monotonic - self._beat_seen_at > FRESH_SECONDS:
            self._is_silent = True
            change = Change.STATE
        if self._failure is not None:
            self._failure = None
            change = Change.STATE
        if change is not Change.NONE:
            self.fields = fields
        return change

    def fail(self, failure: SinkReadFailure | None) -> Change:
        """Record that it can't be read now. Returns whether that is new."""
        is_new = failure is not self._failure
        self._failure = failure
        return Change.STATE if is_new else Change.NONE

    def _compare(self, fields: Mapping[bytes, bytes]) -> Change:
        if fields == self.fields:
            return Change.NONE
        differ = any(fields.get(name) != self.fields.get(name) for name in _STATE_FIELDS)
        return Change.STATE if differ else Change.NUMBERS


def named_fields(values: Sequence[bytes | None]) -> dict[bytes, bytes]:
    """The hash with the `values` of FIELDS, in that order."""
    return {name: value for name, value in zip(FIELDS, values, strict=True) if value is not None}
