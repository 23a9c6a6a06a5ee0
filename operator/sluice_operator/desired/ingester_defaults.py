"""The operator's defaults for all ingesters."""

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class IngesterDefaults:
    """The operator's defaults for the ingesters."""

    image: str
    """The image for a resource without `spec.image`: that of the operator."""

    image_pull_policy: str | None = None
    """For a resource without `spec.imagePullPolicy`. None means the default of Kubernetes."""

    image_pull_secrets: tuple[str, ...] = ()
    """Names of Secrets, in the namespace of each resource."""

    default_redis_url: str | None = field(default=None, repr=False)
    """For a resource without `spec.redis`. None if the operator has no default Redis."""
