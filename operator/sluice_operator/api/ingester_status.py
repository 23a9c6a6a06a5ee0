"""The fields of the status that all kinds of source share, and those of one ingester."""

from typing import Annotated, Final

from pydantic import AfterValidator, Field

from sluice_operator.api.base import Model, Time, keyed_by
from sluice_operator.api.conditions import OWN_CONDITION_TYPES, Condition
from sluice_operator.api.cursor import CursorResetStatus, GapStatus
from sluice_operator.api.pooling import PoolStatus

Count = Annotated[int, Field(ge=0)]

MAX_RECONCILE_REQUEST_LENGTH: Final = 256
"""At how many characters the value of the reconcile annotation is cut in the status."""


class ConsumerGroup(Model):
    """A consumer group of the stream, as reported by Redis (XINFO GROUPS)."""

    name: str
    """Name of the group."""

    consumers: Count = 0
    """Number of consumers of the group. Redis counts a consumer until it is deleted, even if its process has ended."""

    lag: Count | None = None
    """Number of entries of the stream that were not delivered to the group yet. Absent if Redis does not report it,
    such as after entries were deleted from the middle of the stream.
    """

    pending: Count = 0
    """Number of entries that were delivered to consumers and are not acknowledged."""

    oldest_pending_seconds: Count | None = None
    """Number of seconds since the oldest pending entry was last delivered to a consumer. It grows when that consumer is
    dead or stuck. Absent if no entry is pending.
    """


class IngesterStatus(Model):
    """The state and the progress of one ingester, whatever its mode."""

    state: str | None = None
    """State of the ingester: connecting, streaming, backpressure, waiting, halted or stopped. The ingester of a
    backfill is done when its listing is complete.
    """

    message: str | None = None
    """Why the ingester is not streaming. Absent while it is streaming."""

    cursor: str | None = None
    """Sequence number of the newest message that is stored in Redis completely, decimal."""

    rate: str | None = None
    """Events or repositories per second in short form, such as 412/s."""

    dead_letters: Count | None = None
    """Number of messages and records that could not be decoded and are in the dead-letter stream, across all restarts.
    """

    stream_length: Count | None = None
    """Number of entries in the Redis stream. Several sources can share the stream."""

    stream_bytes: Count | None = None
    """Approximate memory usage of the stream in Redis, in bytes, estimated from a sample of its entries. Absent if the
    user of the operator is not allowed to run MEMORY USAGE.
    """

    consumer_groups: Annotated[tuple[ConsumerGroup, ...], keyed_by("name")] | None = None
    """Consumer groups of the stream, at most 20: those with the greatest lag. Absent if there are none, or if the user
    of the operator is not allowed to run XINFO GROUPS.
    """

    consumers_lag: Count | None = None
    """Number of entries that were not delivered yet to the consumer group with the greatest lag. Absent if there is no
    group, or if Redis does not report it.
    """

    fenced: Count | None = None
    """Number of times that the ingester found a cursor in Redis that another writer had set, and continued from there,
    across all restarts.
    """

    fenced_since_start: Count | None = None
    """Number of these times since the process of the ingester started."""

    started_at: Time | None = None
    """When the process of the ingester started."""

    last_error: str | None = None
    """The newest error of the ingester."""

    last_error_time: Time | None = None
    """When the newest error happened."""

    version: str | None = None
    """Version of the running ingester."""

    updated_at: Time | None = None
    """When these values were read."""


class StreamStatus(IngesterStatus):
    """The state and the progress of an ingester that streams events as they happen, in the order of the source."""

    cursor_time: Time | None = None
    """Time of the newest stored event, as given by the source."""

    lag_seconds: Count | None = None
    """Age of the newest event in seconds when it was stored: how far the ingester is behind the source. While the
    ingester does not stream, the age at updatedAt. Absent while it is unknown, such as when Redis cannot be read, and
    while the resource is suspended.
    """

    newest_event_age_seconds: Count | None = None
    """Age of the newest stored event in seconds at updatedAt, by the time that the source gave it. Unlike the lag, it
    grows when the source is quiet. If nothing else changes, it is updated only when it has doubled.
    """

    lag: str | None = None
    """The lag in short form, such as 2s or 3h12m."""

    events_per_second: Annotated[float | None, Field(ge=0)] = None
    """Number of events stored per second, averaged over the last 60 seconds."""

    events: Count | None = None
    """Number of events stored since the source was first read, across all restarts."""

    last_gap: GapStatus | None = None
    """The newest range of messages that was lost. Absent if there was none."""

    reconnects: Count | None = None
    """Number of reconnects to the source since the process of the ingester started."""

    connected_since: Time | None = None
    """When the operator first saw the current connection to the source. If Redis cannot be read, the connection at the
    last successful read. Absent if there is no connection.
    """


class CountedPod(Model):
    """A pod whose restarts are included in the count."""

    uid: str
    """UID of the pod."""

    name: str | None = None
    """Name of the pod."""

    template_hash: str | None = None
    """The pod-template-hash label of the pod. A new pod with the same hash is a replacement, not a rollout."""

    component: str | None = None
    """Component of the source that the pod runs, such as firehose."""

    restart_count: Count = 0
    """Number of container restarts of this pod that are included in the count."""

    gone_reason: str | None = None
    """Why the pod is terminated, such as Evicted, if Kubernetes reports it."""


class RestartsStatus(Model):
    """Unplanned restarts of the ingester."""

    count: Count = 0
    """Number of times that a container of the ingester was restarted or its pod was replaced, across all pods."""

    in_window: Count = 0
    """Number of restarts in the last spec.health.stableWindowSeconds. 20 means 20 or more."""

    recent_times: tuple[Time, ...] | None = None
    """Times of the restarts in that window, oldest first, at most 20. Restarts that were seen together have the time of
    the last one.
    """

    last_reason: str | None = None
    """Reason of the last restart, such as Error, OOMKilled or Evicted."""

    last_exit_code: int | None = None
    """Exit code of the container before the last restart. 137 means that it was killed."""

    last_time: Time | None = None
    """When the last restart was seen."""

    pods: Annotated[tuple[CountedPod, ...], keyed_by("uid")] | None = None
    """Pods whose restarts are included in the count."""


def _known_conditions(conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
    """`conditions` without those of other writers."""
    return tuple(condition for condition in conditions if condition.type in OWN_CONDITION_TYPES)


class SourceStatus(Model):
    """The fields that the statuses of all kinds of source share."""

    observed_generation: int = -1
    """The metadata.generation that this status is based on. It is -1 until the operator has processed the resource."""

    conditions: Annotated[tuple[Condition, ...], AfterValidator(_known_conditions), keyed_by("type")] | None = None
    """Conditions of the resource, one for each type."""

    host: str | None = None
    """The host in the form that is used in the names of the Redis keys."""

    last_handled_reconcile_at: Annotated[str, Field(max_length=MAX_RECONCILE_REQUEST_LENGTH)] | None = None
    """The value of the annotation sluice.dev/reconcile-requested-at, up to 256 characters, for which the newest
    reconciliation was completed.
    """

    cursor_reset: CursorResetStatus | None = None
    """The newest cursor that was set as requested by spec.cursor."""

    image: str | None = None
    """Container image of the running ingester, or of the last one that ran."""

    restarts: RestartsStatus | None = None
    """Unplanned restarts of the ingester."""

    pool: PoolStatus | None = None
    """Pool whose pod runs the ingester. Absent if the ingester has a pod of its own."""

    @property
    def ingesters(self) -> dict[str, IngesterStatus]:
        """The statuses of the ingesters, by the names of their fields."""
        parts = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: part for name, part in parts.items() if isinstance(part, IngesterStatus)}

    @property
    def streams(self) -> dict[str, StreamStatus]:
        """The statuses of the ingesters that stream live events, by the names of their fields."""
        return {name: part for name, part in self.ingesters.items() if isinstance(part, StreamStatus)}
