"""The desired state of one component of a source: whether it runs, and with which settings."""

from collections.abc import Mapping
from dataclasses import dataclass

from sluice_operator.desired.component import Component
from sluice_redis.contract import Stream


@dataclass(frozen=True, kw_only=True, slots=True)
class DesiredStream:
    """One component of one source, and the configuration of its ingester."""

    component: Component
    enabled: bool
    """Whether the spec enables it. Otherwise its Deployment has no pod."""
    env: Mapping[str, str]
    """The environment variables of the ingester's mode."""

    @property
    def stream(self) -> Stream:
        """The Redis stream that the ingester writes."""
        return self.component.stream
