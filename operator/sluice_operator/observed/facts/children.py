"""What the operator could not write: refused objects, and fields that it leaves to others."""

from dataclasses import dataclass


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
