"""The attempts to write a child that several sources share: one state for all of them.

Several sources of a namespace are reconciled at the same time. Each of them ensures the child, one after the other.
"""

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass, field

from sluice_common.clock import Clock
from sluice_operator.kubernetes.event import Event
from sluice_operator.reconcile.source_memory import Retries, new_retries


@dataclass(slots=True)
class SharedChild:
    """One shared child."""

    clock: Clock
    retries: Retries
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    events: dict[str, list[Event]] = field(default_factory=dict)
    """By uid of a source: Events about the child that are still to be recorded for it."""

    def retry_now(self) -> None:
        """End all pauses, and forget that the child existed."""
        self.retries = new_retries(self.clock)


class SharedChildren:
    """The shared children by any key."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._children: dict[Hashable, SharedChild] = {}

    def get(self, key: Hashable) -> SharedChild:
        """The child with that key."""
        if key not in self._children:
            self._children[key] = SharedChild(clock=self._clock, retries=new_retries(self._clock))
        return self._children[key]
