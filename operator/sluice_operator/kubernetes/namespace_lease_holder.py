"""Acquires, renews and releases the Lease of one namespace.

The Lease is held until a time on the monotonic clock that is well before another release may take it. So a process
that was stopped and wakes up writes nothing more.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from sluice_common.clock import Clock
from sluice_operator.kubernetes.api_resource import LEASES, Manifest
from sluice_operator.kubernetes.errors import ApiError
from sluice_operator.kubernetes.leader_lease import ObservedLease, acquired, holder_of, observe, released, renewed
from sluice_operator.kubernetes.namespace_lease import (
    LEASE_NAME,
    RENEW_SECONDS,
    WRITE_DEADLINE_SECONDS,
    belongs_to,
    instance_of,
    is_held_by,
    is_namespace_terminating,
    lease_config,
    lease_forbidden_message,
    seconds_until_free,
    served_by_another_message,
    with_instance,
)
from sluice_operator.kubernetes.protocols import LeaseClient

logger = logging.getLogger(__name__)

POLL_SECONDS: Final = 5.0
"""How often the Lease of another release is read."""
RETRY_SECONDS: Final = 3.0
FORBIDDEN_RETRY_SECONDS: Final = 10.0
ATTEMPT_TIMEOUT_SECONDS: Final = 8.0
LOG_AGAIN_SECONDS: Final = 3600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class SharedByHolders:
    """What the holders of all namespaces have in common."""

    client: LeaseClient
    release: str
    """The name of this release, for people."""
    instance: str
    """This process of the release."""
    has_resources: Callable[[str], bool]
    is_served: Callable[[str], bool]
    """Whether the API server lets the operator into a namespace."""
    on_acquired: Callable[[str], None]
    """Called with each namespace whose Lease becomes held."""
    poll_seconds: Callable[[], float]
    """After how many seconds to read the Lease of another release again."""
    slots: asyncio.Semaphore
    """Limits how many holders use the API server at a time."""
    clock: Clock


class NamespaceLeaseHolder:
    """Holds the Lease of one namespace, as far as this process knows it."""

    def __init__(self, namespace: str, shared: SharedByHolders) -> None:
        self.problem = ""
        """Why it can't be held, in words."""
        self.namespace = namespace
        self._shared = shared
        self._client = shared.client
        self._release = shared.release
        self._instance = shared.instance
        self._slots = shared.slots
        self._clock = shared.clock
        self._config = lease_config(namespace)
        self._lease: Manifest = {}
        self._observed: ObservedLease | None = None
        self._held_until = 0.0
        """Until when this process may write there, on the monotonic clock."""
        self._was_lost = False
        """Whether another process has taken it from this one."""
        self._logged_at = 0.0

    @property
    def is_held(self) -> bool:
        """Whether this process may write in the namespace now."""
        return self._clock.monotonic() < self._held_until

    async def step(self) -> float:
        """Acquire or renew the Lease. Returns after how many seconds to do so again."""
        was_held = self.is_held
        pause = await self._acquire_or_renew()
        if self.is_held and not was_held:
            self._start_serving()
        return pause

    def _start_serving(self) -> None:
        if self.problem:
            logger.info("Namespace %s is served by this release now, %s", self.namespace, self._release)
        self.problem, self._logged_at, self._was_lost = "", 0.0, False
        self._shared.on_acquired(self.namespace)

    async def _acquire_or_renew(self) -> float:
        if not self._shared.is_served(self.namespace):
            return POLL_SECONDS
        async with self._slots:
            try:
                async with asyncio.timeout(ATTEMPT_TIMEOUT_SECONDS):
                    if self.is_held and self._lease:
                        return await self._renew()
                    return await self._acquire()
            except ApiError as error:
                if error.code == HTTPStatus.FORBIDDEN:
                    self._log_problem(lease_forbidden_message(self.namespace, error))
                    return RETRY_SECONDS if self.is_held else FORBIDDEN_RETRY_SECONDS
                logger.debug("The Lease of namespace %s: %s", self.namespace, error)
                return max(RETRY_SECONDS, min(error.retry_after, POLL_SECONDS))
            except TimeoutError:
                logger.debug("The Lease of namespace %s: no answer in time", self.namespace)
            except Exception:
                logger.exception("The Lease of namespace %s could not be held", self.namespace)
        return RETRY_SECONDS

    async def _acquire(self) -> float:
        lease = await self._client.get(LEASES, self.namespace, LEASE_NAME)
        now = self._clock.monotonic()
        self._observed = observe(self._observed, lease, now=now)
        is_own = belongs_to(lease, release=self._release) and not self._was_lost
        if not is_own and (left := seconds_until_free(self._observed, now, release=self._release)):
            holder = holder_of(lease) or "which is leaving it"
            self._log_problem(served_by_another_message(self.namespace, holder))
            return min(left, self._shared.poll_seconds())
        await self._write_acquired(lease)
        return RENEW_SECONDS

    async def _renew(self) -> float:
        try:
            await self._write(renewed(self._lease, self._config, at=self._clock.now()))
        except ApiError as error:
            if error.code not in {HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND}:
                raise
            return await self._renew_changed()
        return RENEW_SECONDS

    async def _renew_changed(self) -> float:
        """Renew a Lease that somebody has changed or deleted, unless another process holds it now."""
        lease = await self._client.get(LEASES, self.namespace, LEASE_NAME)
        is_emptied = not holder_of(lease) and instance_of(lease) == self._instance
        if lease is not None and is_held_by(lease, instance=self._instance, release=self._release):
            await self._write(renewed(lease, self._config, at=self._clock.now()))
        elif lease is None or is_emptied:  # by a person
            await self._write_acquired(lease)
        else:
            self._held_until, self._was_lost = 0.0, True
            self._lease, self._observed = {}, observe(None, lease, now=self._clock.monotonic())
            logger.error("The Lease of namespace %s was taken by %s", self.namespace, holder_of(lease) or "nobody")
            return 0.0
        return RENEW_SECONDS

    async def _write_acquired(self, lease: Manifest | None) -> None:
        sent_at = self._clock.monotonic()
        wanted = acquired(lease, self._config, identity=self._release, at=self._clock.now())
        try:
            await self._write(wanted)
        except ApiError as error:
            if not is_namespace_terminating(error):
                raise
            # No other release can acquire it either, and the resources in it wait for their finalizers.
            self._lease, self._observed, self._held_until = {}, None, sent_at + WRITE_DEADLINE_SECONDS

    async def _write(self, lease: Manifest) -> None:
        sent_at, exists = self._clock.monotonic(), "resourceVersion" in lease["metadata"]
        write = self._client.replace if exists else self._client.create
        self._lease = await write(LEASES, with_instance(lease, instance=self._instance))
        # If the Lease is deleted after it expired here, another release may have held it in between.
        self._observed = ObservedLease(lease=self._lease, since=self._clock.monotonic())
        self._held_until = sent_at + WRITE_DEADLINE_SECONDS

    async def give_up(self) -> None:
        """Delete the Lease if there are no resources left in the namespace, or else release it."""
        if not self.is_held:
            return
        self._held_until = 0.0
        if not self._lease or not self._shared.is_served(self.namespace):
            return
        lease, self._lease, self._observed = self._lease, {}, None
        try:
            async with self._slots:
                await self._release_lease(lease)
        except ApiError as error:
            logger.debug("The Lease of namespace %s could not be released: %s", self.namespace, error)

    async def _release_lease(self, lease: Manifest) -> None:
        if not self._shared.has_resources(self.namespace):
            await self._client.delete(LEASES, self.namespace, LEASE_NAME, uid=lease["metadata"]["uid"])
            return
        try:
            await self._client.replace(LEASES, released(lease, self._config, at=self._clock.now()))
        except ApiError as error:
            if error.code != HTTPStatus.CONFLICT:
                raise
            # The last renewal succeeded and its answer was not waited for, or somebody has annotated the Lease.
            newest = await self._client.get(LEASES, self.namespace, LEASE_NAME)
            if newest is not None and is_held_by(newest, instance=self._instance, release=self._release):
                await self._client.replace(LEASES, released(newest, self._config, at=self._clock.now()))

    def _log_problem(self, problem: str) -> None:
        now = self._clock.monotonic()
        if problem != self.problem or now - self._logged_at > LOG_AGAIN_SECONDS:
            logger.error("Nothing is written in %s: %s", self.namespace, problem)
            self._logged_at = now
        self.problem = problem
