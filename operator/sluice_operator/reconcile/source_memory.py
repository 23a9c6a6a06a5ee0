"""State of each source that the reconciler keeps in memory between two reconciles.

It is not needed after a restart. What is needed then is in the status of the resource.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from sluice_common.clock import Clock
from sluice_operator.api.ingester_status import SourceStatus
from sluice_operator.kubernetes.source_key import SourceKey
from sluice_operator.observed.facts.startup import StartupFacts
from sluice_operator.observed.health_writers import HealthWriters
from sluice_operator.reconcile.child_state import ChildState
from sluice_operator.reconcile.retry_backoff import RetryBackoff


@dataclass(slots=True)
class PendingPod:
    """A pod that does not run yet."""

    since: float
    """When it was first seen, on the monotonic clock."""
    seen_at: float = 0.0
    """When it was last seen."""
    events_read_at: float = float("-inf")
    facts: StartupFacts = field(default_factory=StartupFacts)


@dataclass(slots=True)
class FinalizerWrites:
    """The attempts to write the finalizer."""

    backoff: RetryBackoff
    refused_until: float = 0.0
    """Until when a refused write is not sent again, on the monotonic clock."""


@dataclass(slots=True)
class ResetProblem:
    """The last reported problem with a cursor reset."""

    message: str = ""
    report_again_at: float = 0.0


@dataclass(slots=True)
class Retries:
    """The pauses before something is tried again. A request to reconcile ends all of them."""

    child_backoff: RetryBackoff
    """By the path of a child: the requests that failed."""
    finalizer: FinalizerWrites
    children: dict[str, ChildState] = field(default_factory=dict)
    """By the path of a child."""
    reset_problem: ResetProblem = field(default_factory=ResetProblem)


@dataclass(slots=True)
class DeletionProgress:
    """How far the deletion of the source has come."""

    tried_since: dict[str, float] = field(default_factory=dict)
    """By obstacle, when the operator first tried, on the monotonic clock."""
    reported: bool = False
    """Whether an Event has said what became of the cursor."""
    released: bool = False
    """Whether the finalizer was removed. The cached object may still have it."""


@dataclass(slots=True)
class StatusWrites:
    """The last writes of the status."""

    written_at: float | None = None
    """On the monotonic clock."""
    unconfirmed: SourceStatus | None = None
    """The status before a write without a response. The write may have been executed."""
    is_outdated: bool = False
    """Whether the numbers in the status have changed, and are to be written when that is due."""


@dataclass(slots=True)
class SourceMemory:
    """The state of one source."""

    uid: str
    retries: Retries
    pending_pods: dict[str, PendingPod] = field(default_factory=dict)
    """By uid."""
    former_secrets: set[str] = field(default_factory=set)
    """The Secrets of the operator that a Deployment has referenced and does not need any more."""
    health_writers: HealthWriters = field(default_factory=HealthWriters)
    deletion: DeletionProgress = field(default_factory=DeletionProgress)
    status: StatusWrites = field(default_factory=StatusWrites)


class SourceMemories:
    """The state of each source. It is dropped when the source is deleted, or when another source has its name."""

    def __init__(
        self,
        *,
        on_drop: Iterable[Callable[[str], None]] = (),
        on_key_drop: Iterable[Callable[[SourceKey], None]] = (),
        clock: Clock,
    ) -> None:
        """`on_drop` is called with the uid of a source whose state is dropped, `on_key_drop` with its key. They drop
        what other objects keep.
        """
        self._on_key_drop = tuple(on_key_drop)
        self._on_drop = tuple(on_drop)
        self._clock = clock
        self._memories: dict[SourceKey, SourceMemory] = {}

    def get(self, key: SourceKey, uid: str) -> SourceMemory:
        """The state of the source with that key and uid."""
        memory = self._memories.get(key)
        if memory is None or memory.uid != uid:
            self.drop(key)
            memory = self._memories[key] = SourceMemory(uid=uid, retries=new_retries(self._clock))
        return memory

    def retry_now(self, memory: SourceMemory) -> None:
        """End all pauses: everything is tried again at once."""
        memory.retries = new_retries(self._clock)

    def drop(self, key: SourceKey) -> None:
        """Drop the state of the source with that key, if there is one."""
        memory = self._memories.pop(key, None)
        if memory is not None:
            for callback in self._on_drop:
                callback(memory.uid)
            for forget in self._on_key_drop:
                forget(key)


def new_retries(clock: Clock) -> Retries:
    """No attempt has failed yet."""
    return Retries(child_backoff=RetryBackoff(clock), finalizer=FinalizerWrites(backoff=RetryBackoff(clock)))
