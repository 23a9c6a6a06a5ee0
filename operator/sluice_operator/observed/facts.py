"""What was observed, as plain values: the only things that a status is made of.

Pure. The modules beside this one read clusters and Redis and make these; `status` reads these and nothing
else, so every situation can be written down in a test without a server.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sluice_operator.api.health import HealthSpec
from sluice_operator.desired.naming import Component
from sluice_redis.contract import SourceState


@dataclass(frozen=True, kw_only=True, slots=True)
class Termination:
    """How a container ended."""

    reason: str
    exit_code: int | None
    time: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class BlockerFacts:
    """Another container of a pod, for which the ingester's waits."""

    name: str
    is_failing: bool
    """Whether it has ended with an error, or can't start."""
    description: str
    """What Kubernetes says of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PodEvent:
    """A warning of Kubernetes about a pod."""

    reason: str
    message: str
    first: datetime
    """When it was told for the first time."""
    last: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class StartupFacts:
    """What a pod waits for that does not start, beside what its own status tells."""

    missing: tuple[str, ...] = ()
    """Objects that it names and that are not there: what is missing and how to mend it."""
    hints: tuple[str, ...] = ()
    """What else it names and is not there, that it may do without."""
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
    """Whether it is being deleted or about to be, or has come to its end (Succeeded, Failed)."""
    gone_reason: str
    """Why it is leaving where Kubernetes says so, such as Evicted or NodeLost; else empty."""
    running_since: datetime | None
    """When its container started, if it is running now."""
    restart_count: int
    """Restarts of its container, as the kubelet counts them."""
    last_termination: Termination | None
    waiting_reason: str
    """Why its container waits to run, such as CrashLoopBackOff; else empty."""
    waiting_message: str
    unschedulable: str
    """What the scheduler says if no node takes it; else empty."""
    image: str
    blocker: BlockerFacts | None = None
    """The container that its own waits for, if it waits for one."""

    @property
    def is_container_creating(self) -> bool:
        """Whether its container has not been made yet, and Kubernetes has no word for why."""
        return self.running_since is None and self.waiting_reason in {"", "ContainerCreating", "PodInitializing"}


@dataclass(frozen=True, kw_only=True, slots=True)
class DeploymentFacts:
    """The Deployment of an ingester."""

    replicas: int
    """How many pods it should have."""
    rolled_out: bool
    """Whether there is a pod if there should be one, every pod that it has is made of its newest template, and the
    controller has seen that template.
    """
    observed: bool = True
    """Whether the controller has seen what the Deployment is now."""
    deadline_message: str
    """What its controller says if the rollout has passed its deadline; else empty."""
    failure_message: str
    """What its controller says if it can't create pods; else empty."""
    failing_since: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class GapFacts:
    """Seqs that the source could not give, or between two connections without a cursor was not asked for."""

    from_seq: str | None
    to_seq: str | None
    from_time: datetime | None
    to_time: datetime | None
    at: datetime | None
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CursorResetFacts:
    """The newest reset of the cursor that spec.cursor asked for."""

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
    """For how long it has not written, as far as known: see `observed.freshness`."""
    watched_seconds: float | None = None
    """For how long it has been watched without being seen to write: `silent_seconds` may then be what a clock says that
    is wrong. None once it was seen to write.
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
    """An ingester that has written a report a short time ago, and runs in no pod of the stream."""

    name: str
    """What it calls itself: the name of its pod or host."""
    writing_seconds: float
    """For how many seconds it has gone on writing since no pod of that name was found."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WriterFacts:
    """Who has written reports beside the one whose report stands in Redis now."""

    reports: tuple[HealthFacts, ...] = ()
    """The last report of each."""
    foreign: tuple[ForeignWriter, ...] = ()
    """Those that are not the stream's, the one whose report stands in Redis among them."""


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
    """Entries that it has not been given yet; None where Redis can't tell."""
    oldest_pending_seconds: float | None = None
    """Since the oldest entry that is not acknowledged was given to a consumer for the last time; None if there is
    none.
    """


@dataclass(frozen=True, kw_only=True, slots=True)
class RedisStreamFacts:
    """What costs Redis more than a look should: it is read at longer intervals. See `observed.streams`."""

    bytes: int | None
    """None if it could not be read."""
    groups: tuple[ConsumerGroupFacts, ...]
    """Some of its groups, by name: those with the greatest lag."""
    consumers_lag: int | None
    """The greatest lag of all its groups; None if none is known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SinkFacts:
    """What stands in Redis about one source. With `trouble` nothing could be read."""

    failure: SinkReadFailure | None = None
    failure_message: str = ""
    has_advice: bool = False
    """Whether that message says what to do."""
    cursor: str | None = None
    length: int | None = None
    """Entries in the stream, or None if it could not be read."""
    stream: RedisStreamFacts | None = None
    """More of the stream, as it was a short time ago. None before it was first read."""
    dead_letters: int | None = None
    """Entries in the dead-letter stream."""
    health: HealthFacts | None = None
    """None if no ingester has written any."""
    recovered_seconds: float | None = None
    """For how long Redis can be read again after an outage; None if no outage was seen."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SecretFacts:
    """The Secret with the URL of Redis. It never holds the URL itself."""

    digest: str | None = None
    """SHA-256 of the URL in hex, or None if there is no URL."""
    problem: str = ""
    """What is missing and how to mend it, if there is no URL, or what is wrong with it."""
    invalid: bool = False
    """Whether there is something, and no ingester could use it."""
    read_error: str = ""
    """Why the API server can't show the Secret now, if it can't. Whether there is a URL is open then."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """Why a child could not be written: the API server's words, or ours if the child is somebody else's."""

    reason: str
    message: str
    is_transient: bool = False
    """Whether it may end by itself."""
    stalls_if_persistent: bool = False
    """Whether a person should act when it has lasted for a while, although it may."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Contest:
    """A field of a child that is left as somebody else has it."""

    child: str
    """Such as `Deployment us-east-firehose`."""
    field: str
    """Its path, such as `spec.replicas`."""
    wanted: str
    """What the operator would set, in words."""
    found: str
    """What stands there, in words."""
    by: str
    """Who has set it, in words."""
    by_admission: bool
    """Whether admission sets it at each write; else it came back again and again."""
    advice: str
    """What to do about it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """All that is known about one stream of one source at one moment."""

    component: Component
    now: datetime
    generation: int
    host: str
    """As it stands in the names of the keys."""
    suspended: bool
    enabled: bool
    """Whether the spec asks for this stream."""
    owner: str = ""
    """The source to which the cursor of this stream belongs, such as `Relay default/us-east`, if it is another
    one; empty if it is its own."""
    owner_terminating: bool = False
    """Whether that source is on its way out, so that the cursor will be this one's by itself."""
    owner_unobserved: bool = False
    """Whether nobody sees if that source is still there, for its namespace is not served."""
    windows: HealthSpec
    secret: SecretFacts
    refusal: Refusal | None
    contests: tuple[Contest, ...] | None = ()
    """The fields of children that are left as somebody else has them; None if that was not looked at."""
    deployment: DeploymentFacts | None
    pods: tuple[PodFacts, ...]
    """Those that the Deployment has made. Others that bear the same labels have no say."""
    start: StartupFacts = StartupFacts()
    """What the newest of them waits for."""
    copies: tuple[str, ...] = ()
    """The names of those others."""
    sink: SinkFacts | None
    """None if there was nothing to look with: no URL."""
    writers: WriterFacts = WriterFacts()
    namespace: str = ""
    child: str = ""
    """The name of the Deployment, whether it is there or not."""
