"""Why a pod does not start: missing objects and warnings of Kubernetes."""

from dataclasses import dataclass
from datetime import datetime


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
