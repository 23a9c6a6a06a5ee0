"""Which namespaces this release may write in: those whose Lease it holds.

Two releases that serve one namespace would write the same children, each with its own default Redis. So a release
writes nothing in a namespace whose Lease it does not hold. `KubernetesClient` calls `check_held` before each write, and
so does every write to Redis.

`namespace_lease_holder` acquires, renews and releases each of them.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from sluice_common.clock import Clock, SystemClock
from sluice_operator.kubernetes.errors import ApiError
from sluice_operator.kubernetes.namespace_lease import DURATION_SECONDS, LEASE_NAME
from sluice_operator.kubernetes.namespace_lease_holder import POLL_SECONDS, NamespaceLeaseHolder, SharedByHolders
from sluice_operator.kubernetes.protocols import LeaseClient

logger = logging.getLogger(__name__)

MAX_POLLS_PER_SECOND: Final = 10.0
RELEASE_TIMEOUT_SECONDS: Final = 5.0
_MAX_CONCURRENT: Final = 10


class NamespaceOwnership:
    """Holds the Leases of the namespaces that have resources."""

    def __init__(
        self,
        *,
        client: LeaseClient,
        release: str,
        instance: str,
        has_resources: Callable[[str], bool],
        is_served: Callable[[str], bool],
        on_acquired: Callable[[str], None],
        clock: Clock | None = None,
    ) -> None:
        """- `release` names this release to people, `instance` this process of it.
        - `is_served` says whether the API server lets the operator into a namespace.
        - `on_acquired` is called with each namespace whose Lease becomes held.
        """
        self._has_resources = has_resources
        self._clock = clock or SystemClock()
        self._shared = SharedByHolders(
            client=client,
            release=release,
            instance=f"{release}_{instance}",
            has_resources=has_resources,
            is_served=is_served,
            on_acquired=on_acquired,
            poll_seconds=self._poll_seconds,
            slots=asyncio.Semaphore(_MAX_CONCURRENT),
            clock=self._clock,
        )
        self._holders: dict[str, NamespaceLeaseHolder] = {}
        """By namespace."""
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._is_stopping = False

    @property
    def held_by_namespace(self) -> dict[str, bool]:
        """By namespace with resources, whether its Lease is held. Namespaces where that is not known yet are absent."""
        return {name: holder.is_held for name, holder in self._holders.items() if holder.is_held or holder.problem}

    @property
    def problems(self) -> dict[str, str]:
        """By namespace, why its Lease can't be held."""
        return {name: holder.problem for name, holder in self._holders.items() if holder.problem and not holder.is_held}

    def holds(self, namespace: str) -> bool:
        """Whether this process may write in that namespace now."""
        holder = self._holders.get(namespace)
        return holder is not None and holder.is_held

    def is_unavailable(self, namespace: str) -> bool:
        """Whether another release serves that namespace, or the rights to serve it are missing."""
        return namespace in self.problems

    def check_held(self, namespace: str) -> None:
        """Raise ApiError if this process may not write in that namespace now."""
        if not self.holds(namespace):
            message = f"the Lease {LEASE_NAME} in {namespace} is not held, so nothing is written"
            raise ApiError(0, "LeaseNotHeld", message)

    def ensure_held(self, namespace: str) -> None:
        """Hold the Lease of that namespace from now on, for as long as there are resources in it."""
        task = self._tasks.get(namespace)
        if (task is None or task.done()) and not self._is_stopping:
            task = asyncio.create_task(self._hold_while_needed(self._holder(namespace)), name=f"lease of {namespace}")
            self._tasks[namespace] = task

    async def run(self) -> None:
        """Renew the Leases until cancelled. They stay held then, until `release_all`."""
        try:
            await asyncio.Event().wait()
        finally:
            self._is_stopping = True
            tasks = list(self._tasks.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def release_all(self) -> None:
        """Release all Leases, after the last write. Takes some seconds at most."""
        held = [holder for holder in self._holders.values() if holder.is_held]
        try:
            async with asyncio.timeout(RELEASE_TIMEOUT_SECONDS):
                await asyncio.gather(*(holder.give_up() for holder in held), return_exceptions=True)
        except TimeoutError:
            logger.warning("Not all Leases of namespaces could be released: they expire after %d s", DURATION_SECONDS)
        self._holders.clear()

    def _holder(self, namespace: str) -> NamespaceLeaseHolder:
        if namespace not in self._holders:
            self._holders[namespace] = NamespaceLeaseHolder(namespace, self._shared)
        return self._holders[namespace]

    def _poll_seconds(self) -> float:
        return max(POLL_SECONDS, len(self.problems) / MAX_POLLS_PER_SECOND)

    async def _hold_while_needed(self, holder: NamespaceLeaseHolder) -> None:
        while True:
            if not self._has_resources(holder.namespace):
                await holder.give_up()
                if not self._has_resources(holder.namespace):  # none has come meanwhile
                    del self._holders[holder.namespace]
                    return
            await self._clock.sleep(await holder.step())
