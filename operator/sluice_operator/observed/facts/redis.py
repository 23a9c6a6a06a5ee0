"""What the operator reads in Redis about one stream: cursor, length, consumer groups, health."""

from dataclasses import dataclass, replace
from enum import StrEnum

from sluice_operator.observed.facts.health import HealthFacts


class SinkReadFailure(StrEnum):
    """Why the operator could not read a source's keys in Redis."""

    UNREACHABLE = "unreachable"
    UNAUTHORIZED = "unauthorized"
    URL_INVALID = "url-invalid"
    ANSWERED_ERROR = "answered-error"
    SECRET_UNREAD = "secret-unread"  # noqa: S105 (a word, not a password)


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsumerGroupFacts:
    """A consumer group of a stream."""

    name: str
    consumers: int
    pending: int
    lag: int | None
    """Entries not yet delivered to it. None if Redis does not know."""
    oldest_pending_seconds: float | None = None
    """Seconds since the oldest unacknowledged entry was last delivered to a consumer. None if there is none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RedisStreamFacts:
    """Numbers of a stream that cost Redis much, so they are read at longer intervals. See `redis.stream_details`."""

    bytes: int | None
    """None if it could not be read."""
    groups: tuple[ConsumerGroupFacts, ...]
    """Its groups by name, at most those with the greatest lag."""
    consumers_lag: int | None
    """The greatest lag of all its groups. None if none is known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SinkFacts:
    """What is in Redis about one stream of a source. With `failure` nothing could be read."""

    failure: SinkReadFailure | None = None
    failure_message: str = ""
    has_advice: bool = False
    """Whether `failure_message` says what to do."""
    cursor: str | None = None
    length: int | None = None
    """Entries in the stream, or None if it could not be read."""
    stream: RedisStreamFacts | None = None
    """More numbers of the stream, as of a short time ago. None before they were first read."""
    dead_letters: int | None = None
    """Entries in the dead-letter stream."""
    health: HealthFacts | None = None
    """None if no ingester has reported."""
    recovered_seconds: float | None = None
    """For how many seconds Redis has been readable since the last outage. None if there was none."""

    def later(self, seconds: float) -> "SinkFacts":
        """The same facts after so many seconds in which nothing but the time has changed."""
        recovered = None if self.recovered_seconds is None else self.recovered_seconds + seconds
        return replace(self, health=self.health and self.health.later(seconds), recovered_seconds=recovered)
