"""A component of a source: one ingester with its Redis stream and its Deployment."""

from dataclasses import dataclass

from sluice_redis.contract import Stream


@dataclass(frozen=True, kw_only=True, slots=True)
class Component:
    """One ingester that a source can have, with its fixed properties.

    Code outside the declaration of a kind does not compare components. It reads these attributes.
    """

    name: str
    """The value of the label `app.kubernetes.io/component`, such as `firehose`."""
    field: str
    """The component's field in the resource's spec and status, and the end of its Deployment's name."""
    stream: Stream
    """The Redis stream that the ingester writes."""
    is_auxiliary: bool = False
    """Whether the component is secondary: it affects Ready only if a person must act."""
    reports_lag: bool = True
    """Whether the component follows live events, so that it can be behind."""
    accepts_cursor_reset: bool = True
    """Whether `spec.cursor` sets the cursor of this component."""

    def __str__(self) -> str:
        return self.name
