"""How severe the state of a source is: from healthy to stalled."""

from enum import IntEnum


class Severity(IntEnum):
    """Who must act. The greater, the worse."""

    HEALTHY = 0
    """The source works, or is stopped as requested by the spec."""
    PROGRESSING = 1
    """The operator, Kubernetes or the ingester is at work: wait."""
    DEGRADED = 2
    """It has taken too long to call it progress, but it can still recover by itself."""
    STALLED = 3
    """A person must act."""
