"""All that is known of one stream of one source at one moment."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sluice_operator.api.health import HealthSpec
from sluice_operator.desired.component import Component
from sluice_operator.observed.facts.children import Contest, Refusal
from sluice_operator.observed.facts.deployment import DeploymentFacts
from sluice_operator.observed.facts.pod import PodFacts
from sluice_operator.observed.facts.redis import SinkFacts
from sluice_operator.observed.facts.redis_secret import SecretFacts
from sluice_operator.observed.facts.startup import StartupFacts
from sluice_operator.observed.facts.writers import WriterFacts


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
    start: StartupFacts = field(default_factory=StartupFacts)
    """Why the newest of them does not start."""
    copies: tuple[str, ...] = ()
    """The names of those other pods."""
    sink: SinkFacts | None
    """None if there is no URL to read Redis with."""
    writers: WriterFacts = field(default_factory=WriterFacts)
    pool: str = ""
    """The pool whose Deployment runs the ingester. Empty if the Deployment is that of this source alone."""
    still_in: str = ""
    """Which pod of the shared Deployment that the status names may still run this source. Empty if none does, or if the
    source belongs there.
    """
    is_list_pending: bool = False
    """Whether the ingester of that Deployment has not applied the newest list of its sources yet."""
    joined: datetime | None = None
    """When this stream was added to the sources of that Deployment, if known. Restarts before that are not its own."""
    namespace: str = ""
    child: str = ""
    """The name of the Deployment, even if it does not exist."""

    def uptime_seconds(self, pod: PodFacts) -> float:
        """The seconds for which that pod has run an ingester of this stream. 0 if it runs none."""
        if pod.running_since is None:
            return 0.0
        return (self.now - max(pod.running_since, self.joined or pod.running_since)).total_seconds()

    def later(self, seconds: float) -> "Facts":
        """The same facts after so many seconds in which nothing but the time has changed. The ingester still reports,
        if it does now.
        """
        sink = self.sink and self.sink.later(seconds)
        return replace(self, now=self.now + timedelta(seconds=seconds), sink=sink)
