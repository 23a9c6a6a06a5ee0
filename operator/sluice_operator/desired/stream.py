"""What is streamed of a source: the unit of which a resource has one or more."""

from collections.abc import Mapping
from dataclasses import dataclass

from sluice_operator.desired.naming import Component
from sluice_redis.contract import Stream


@dataclass(frozen=True, kw_only=True, slots=True)
class DesiredStream:
    """One stream of one source, and the ingester that writes it, with a Deployment of its own."""

    component: Component
    stream: Stream
    enabled: bool
    """Whether the spec asks for it: without, its Deployment has no pod."""
    env: Mapping[str, str]
    """The variables of the ingester's mode."""
    has_settable_cursor: bool = True
    """Whether spec.cursor may set its cursor."""
