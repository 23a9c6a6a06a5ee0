"""The Deployment of an ingester: its rollout, and why it fails."""

from dataclasses import dataclass
from datetime import datetime


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
