"""The Secret with the Redis URL, without the URL itself."""

from dataclasses import dataclass


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
