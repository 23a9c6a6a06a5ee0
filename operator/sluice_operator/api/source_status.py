"""The parts of a status that every kind of source has."""

from typing import Annotated, Final

from pydantic import AfterValidator, Field

from sluice_operator.api.base import Model, Time, keyed_by
from sluice_operator.api.conditions import OWN_CONDITION_TYPES, Condition
from sluice_operator.api.cursor import CursorResetStatus, GapStatus

Count = Annotated[int, Field(ge=0)]

MAX_RECONCILE_REQUEST_LENGTH: Final = 256
"""At how many characters a word of the user's is cut in the status."""


class ConsumerGroup(Model):
    """A consumer group of the stream, as Redis tells of it."""

    name: str
    """The name of the group."""

    consumers: Count = 0
    """How many consumers the group has. Redis counts those that are gone until somebody removes them."""

    lag: Count | None = None
    """How many entries of the stream the group has not been given yet. Absent where Redis can't tell, as after
    entries were deleted from the middle of what is unread.
    """

    pending: Count = 0
    """How many entries were given to consumers and are not acknowledged."""

    oldest_pending_seconds: Count | None = None
    """How many seconds ago the oldest entry that is not acknowledged was given to a consumer for the last time.
    It grows when that consumer is dead or stuck. Absent if every entry is acknowledged.
    """


class IngesterStatus(Model):
    """What one ingester is doing and how far it has come, whatever it does."""

    state: str | None = None
    """What the ingester is doing: connecting, streaming, backpressure, waiting, halted, stopped or, of a backfill whose
    listing has come to its end, done.
    """

    message: str | None = None
    """Why the ingester is not streaming, in one sentence. Absent while it is streaming."""

    cursor: str | None = None
    """The sequence number of the newest message that stands in Redis as a whole, decimal."""

    rate: str | None = None
    """The rate in short form for people, such as 412/s."""

    dead_letters: Count | None = None
    """How many messages and records could not be decoded and stand in the dead-letter stream, over all
    restarts.
    """

    stream_length: Count | None = None
    """How many entries the stream in Redis holds. Several sources may share it."""

    stream_bytes: Count | None = None
    """About how many bytes of memory the stream takes in Redis, by a sample of its entries. Absent if the operator
    may not ask (MEMORY USAGE).
    """

    consumer_groups: Annotated[tuple[ConsumerGroup, ...], keyed_by("name")] | None = None
    """The consumer groups of the stream, at most 20: those with the greatest lag. Absent if there are none, or if
    the operator may not ask (XINFO GROUPS).
    """

    consumers_lag: Count | None = None
    """How many entries the consumer group that is furthest behind has not been given yet. Absent without groups,
    and where Redis can't tell.
    """

    fenced: Count | None = None
    """How many times the ingester has found that another hand had set the cursor, and has gone on from there, over
    all restarts.
    """

    fenced_since_start: Count | None = None
    """How many of these times the running process has counted."""

    started_at: Time | None = None
    """When the process of the ingester started."""

    last_error: str | None = None
    """The newest error that the ingester met, in one sentence."""

    last_error_time: Time | None = None
    """When the newest error was met."""

    version: str | None = None
    """The version of the running ingester."""

    updated_at: Time | None = None
    """When the numbers here were observed."""


class StreamStatus(IngesterStatus):
    """The same of one that streams: of what happens now, in the order of the source."""

    cursor_time: Time | None = None
    """The time of the newest event that was stored, as the source gave it."""

    lag_seconds: Count | None = None
    """How many seconds the newest event was old when it was stored: how far the ingester is behind. While it does not
    stream, how many it is old at updatedAt, since nobody knows what waits. Absent while nobody can tell, as when Redis
    can't be read, and while suspended.
    """

    newest_event_age_seconds: Count | None = None
    """How many seconds old the newest stored event was at updatedAt, by the time that the source gave it. Unlike
    the lag it grows when the source goes quiet. Its growth alone is written ever more rarely: when it has doubled.
    """

    lag: str | None = None
    """The lag in short form for people, such as 2s or 3h12m."""

    events_per_second: Annotated[float | None, Field(ge=0)] = None
    """How many events were stored per second, as the mean of the last 60 seconds."""

    events: Count | None = None
    """How many events were stored since the source was first read, over all restarts."""

    last_gap: GapStatus | None = None
    """The newest range of messages that the source could not give. Absent if there has been none."""

    reconnects: Count | None = None
    """How many times the ingester has reconnected to the source since its process started."""

    connected_since: Time | None = None
    """When the operator first saw the connection to the source that stands now, or stood when Redis could last be
    read. Absent without a connection.
    """


class CountedPod(Model):
    """A pod whose restarts have been counted."""

    uid: str
    """The uid of the pod."""

    name: str | None = None
    """The name of the pod."""

    template_hash: str | None = None
    """The pod-template-hash of the pod: a new pod of the same template is a replacement, not a rollout."""

    component: str | None = None
    """What the pod does for its source, such as firehose."""

    restart_count: Count = 0
    """How many restarts of the ingester in this pod are in the count."""

    gone_reason: str | None = None
    """Why the pod leaves, such as Evicted, if Kubernetes has said so."""


class RestartsStatus(Model):
    """Restarts of the ingester that nobody asked for."""

    count: Count = 0
    """How many times the ingester was restarted or its pod replaced, over all pods."""

    in_window: Count = 0
    """How many of the restarts fell into the last spec.health.stableWindowSeconds. 20 means 20 or more."""

    recent_times: tuple[Time, ...] | None = None
    """When the restarts of that window were, the oldest first; several that were seen together have the time of
    the last of them. At most 20 are remembered.
    """

    last_reason: str | None = None
    """Why the last restart happened, such as Error, OOMKilled or Evicted."""

    last_exit_code: int | None = None
    """The exit code of the process before the last restart; 137 means that it was killed."""

    last_time: Time | None = None
    """When the last restart was seen."""

    pods: Annotated[tuple[CountedPod, ...], keyed_by("uid")] | None = None
    """The pods that the count already holds."""


def _known_conditions(conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
    """Without those of others, which are none of the operator's business."""
    return tuple(condition for condition in conditions if condition.type in OWN_CONDITION_TYPES)


class SourceStatus(Model):
    """What the statuses of all kinds of source have in common."""

    observed_generation: int = -1
    """The metadata.generation that this status speaks of; -1 until the operator has seen the resource."""

    conditions: Annotated[tuple[Condition, ...], AfterValidator(_known_conditions), keyed_by("type")] | None = None
    """The state of the resource, one condition for each type."""

    host: str | None = None
    """The host as it stands in the names of the keys in Redis."""

    last_handled_reconcile_at: Annotated[str, Field(max_length=MAX_RECONCILE_REQUEST_LENGTH)] | None = None
    """The newest value of the annotation sluice.dev/reconcile-requested-at with which a look at the resource has
    come to its end, at most 256 characters of it.
    """

    cursor_reset: CursorResetStatus | None = None
    """The newest cursor that was set as spec.cursor asks."""

    image: str | None = None
    """The image that the ingester runs, or ran when it last did."""

    restarts: RestartsStatus | None = None
    """Restarts of the ingester that nobody asked for."""

    @property
    def ingesters(self) -> dict[str, IngesterStatus]:
        """The parts that each tell of one ingester, by the names of their fields."""
        parts = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: part for name, part in parts.items() if isinstance(part, IngesterStatus)}

    @property
    def streams(self) -> dict[str, StreamStatus]:
        """Those of ingesters that stream."""
        return {name: part for name, part in self.ingesters.items() if isinstance(part, StreamStatus)}
