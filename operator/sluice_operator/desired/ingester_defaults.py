"""What the operator itself decides for all ingesters."""

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class IngesterDefaults:
    """The operator's defaults for the ingesters that it makes."""

    image: str
    """The image for a resource that names none: the operator's own."""

    image_pull_policy: str | None = None
    """For a resource that gives none; None leaves it to Kubernetes."""

    image_pull_secrets: tuple[str, ...] = ()
    """Names of Secrets, looked up in the namespace of each resource."""

    default_redis_url: str | None = field(default=None, repr=False)
    """For a resource without `spec.redis`; None where the operator has no default."""
