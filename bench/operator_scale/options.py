"""The options of a run."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What all measurements of a run have in common."""

    namespaces: int
    suspended: bool
    connections: int
    rest_seconds: float
    settle_seconds: float
    changes: int
    concurrency: int | None
    bytes_resources: int
    seed: int
