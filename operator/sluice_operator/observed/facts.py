"""What was observed of a source, as plain values. Pure.

The other modules of this package make these values from objects and hashes. `status` reads nothing else, so a test can
describe any situation without a server.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sluice_operator.api.health import HealthSpec
from sluice_operator.desired.component import Component
from sluice_redis.contract import SourceState


@dataclass(frozen=True, kw_only=True, slots=True)
class Termination:
    """How a container ended."""

    reason: str
    exit_code: int | None
    time: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class BlockerFacts:
    """Another container of a pod, which keeps the ingester's from starting."""

    name: str
    is_failing: bool
    """Whether it has exited with an error, or can't start."""
    description: str
    """Its state, in the words of Kubernetes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PodEvent:
    """A Kubernetes Event of the type Warning about a pod."""

    reason: str
    message: str
    first: datetime
    """When it was recorded for the first time."""
    last: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class StartupFacts:
    """Why a pod does not start, as far as its own status does not say."""

    missing: tuple[str, ...] = ()
    """For each missing object that it references: what is missing, and what to do."""
    hints: tuple[str, ...] = ()
    """The same for objects that it may not need."""
    event: PodEvent | None = None
    """The newest warning about it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PodFacts:
    """One pod of an ingester."""

    uid: str
    name: str
    template_hash: str
    created: datetime
    terminating: bool
    """Whether it is being deleted, belongs to an earlier source, or has finished (Succeeded, Failed)."""
    gone_reason: str
    """Why it is terminating, if Kubernetes says so, such as Evicted or NodeLost. Else empty."""
    running_since: datetime | None
    """When the ingester's container started, if it runs now."""
    restart_count: int
    """Restarts of the ingester's container, as the kubelet counts them."""
    last_termination: Termination | None
    waiting_reason: str
    """Why the container does not run, such as CrashLoopBackOff. Else empty."""
    waiting_message: str
    unschedulable: str
    """What the scheduler says, if no node takes the pod. Else empty."""
    image: str
    blocker: BlockerFacts | None = None
    """The container that keeps the ingester's from starting, if one does."""

    @property
    def is_container_creating(self) -> bool:
        """Whether the container was not created yet, and Kubernetes gives no reason."""
        return self.running_since is None and self.waiting_reason in {"", "ContainerCreating", "PodInitializing"}


@dataclass(frozen=True, kw_only=True, slots=True)
class DeploymentFacts:
    """The Deployment of an ingester."""

    replicas: int
    """How many pods it should have."""
    rolled_out: bool
    """Whether the controller has seen the newest template, all pods are of it, and there is one if there should be."""
    observed: bool = True
    """Whether the controller has seen the present generation of the Deployment."""
    deadline_message: str
    """What the controller says, if the rollout has passed its progress deadline. Else empty."""
    failure_message: str
    """What the controller says, if it can't create pods. Else empty."""
    failing_since: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class GapFacts:
    """Seqs that the source could not give, or that nobody could request between two connections without a cursor."""

    from_seq: str | None
    to_seq: str | None
    from_time: datetime | None
    to_time: datetime | None
    at: datetime | None
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CursorResetFacts:
    """The newest reset of the cursor by spec.cursor."""

    nonce: str
    before: str | None
    after: str
    at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class HealthFacts:
    """What an ingester wrote about itself (`contract.Health`). Fields that it did not write are None or
    empty.
    """

    pod: str
    state: SourceState | None
    reason: str
    message: str
    seq: str | None
    event_time: datetime | None
    stored: datetime | None
    heartbeat: datetime | None
    silent_seconds: float | None
    """For how many seconds it has not written, as far as known: see `observed.report_age`."""
    watched_seconds: float | None = None
    """For how many seconds its first known heartbeat has not changed: then `silent_seconds` depends on its clock, which
    may be wrong. None after a change.
    """
    started: datetime | None
    events: int | None
    dead_letters: int | None
    rate: float | None
    reconnects: int | None
    fenced: int | None
    errors: int | None
    last_error: str
    last_error_time: datetime | None
    version: str
    gap: GapFacts | None = None
    cursor_reset: CursorResetFacts | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ForeignWriter:
    """An ingester that has reported recently and runs in no pod of the stream."""

    name: str
    """The name that it reports: that of its pod or host."""
    writing_seconds: float
    """For how many seconds it has written since no pod of that name was found."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WriterFacts:
    """Other ingesters than the one whose report is in Redis now."""

    reports: tuple[HealthFacts, ...] = ()
    """The last report of each."""
    foreign: tuple[ForeignWriter, ...] = ()
    """Ingesters that run in no pod of the stream, including that of the report in Redis."""


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


@dataclass(frozen=True, kw_only=True, slots=True)
class SecretFacts:
    """The Secret with the Redis URL. These facts never have the URL itself."""

    digest: str | None = None
    """SHA-256 of the URL in hex, or None if there is no URL."""
    problem: str = ""
    """What is missing or wrong, and what to do. Empty if there is a usable URL."""
    invalid: bool = False
    """Whether there is a text that no ingester could use as a URL."""
    read_error: str = ""
    """Why the API server can't return the Secret now. Then it is unknown whether there is a URL. Else empty."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """Why a Deployment or a Secret could not be written: the API server's words, or ours if somebody else owns it."""

    reason: str
    message: str
    is_transient: bool = False
    """Whether it can end by itself."""
    stalls_if_persistent: bool = False
    """Whether a person should act once it has lasted for a while, although it can end by itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Contest:
    """A field of a Deployment or a Secret that the operator leaves as somebody else set it."""

    child: str
    """Such as `Deployment us-east-firehose`."""
    field: str
    """Its path, such as `spec.replicas`."""
    wanted: str
    """The value that the operator wants, in words."""
    found: str
    """The value that the field has, in words."""
    by: str
    """Who has set it, in words."""
    by_admission: bool
    """Whether admission sets it at each write. Else somebody has set it again and again."""
    advice: str
    """What to do about it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """All that is known of one stream of one source at one moment."""

    component: Component
    now: datetime
    generation: int
    host: str
    """As in the names of the keys in Redis."""
    suspended: bool
    enabled: bool
    """Whether the spec asks for this stream."""
    owner: str = ""
    """The other source that owns the cursor of this stream, such as `Relay default/us-east`. Empty if there is none."""
    owner_terminating: bool = False
    """Whether that source is being deleted. Then this one will own the cursor."""
    owner_unobserved: bool = False
    """Whether nobody knows if that source still exists, because its namespace is not served."""
    windows: HealthSpec
    secret: SecretFacts
    refusal: Refusal | None
    contests: tuple[Contest, ...] | None = ()
    """The fields that the operator leaves as somebody else set them. None if the objects were not compared."""
    deployment: DeploymentFacts | None
    pods: tuple[PodFacts, ...]
    """The pods that the Deployment created. Others with the same labels do not count."""
    start: StartupFacts = StartupFacts()
    """Why the newest of them does not start."""
    copies: tuple[str, ...] = ()
    """The names of those other pods."""
    sink: SinkFacts | None
    """None if there is no URL to read Redis with."""
    writers: WriterFacts = WriterFacts()
    namespace: str = ""
    child: str = ""
    """The name of the Deployment, even if it does not exist."""
