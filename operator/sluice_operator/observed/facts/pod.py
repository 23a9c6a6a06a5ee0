"""One pod of an ingester, as far as a status needs it."""

from dataclasses import dataclass
from datetime import datetime


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
