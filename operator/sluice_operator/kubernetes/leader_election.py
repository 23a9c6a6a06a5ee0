"""Leader election: one of several replicas leads, by a Lease.

`kubernetes.aio.leaderelection` of the client library (37.0) is not used. Tests against an API server showed these
faults:

- It can't create a Lease: its own models refuse the request's `pretty=True`.
- After another process has taken the Lease, its leader continues for over 8 s. It counts the deadline from the end of
  its last pause.
- If the API server can't be reached, or if it is cancelled, it raises and leaves the work running.
- It never releases the Lease, not even if the work fails. No request has a time limit.

When the leader reads that another process leads, it ends its process at once. If it can't read the Lease in time,
`lease_deadline` ends the process.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from http import HTTPStatus
from typing import Any, TypeVar

from sluice_common.clock import Clock, SystemClock
from sluice_operator.kubernetes.api_resource import LEASES, ApiResource, Manifest
from sluice_operator.kubernetes.errors import ApiError
from sluice_operator.kubernetes.leader_lease import (
    LeaseConfig,
    LeaseUpdate,
    ObservedLease,
    acquired,
    holder_of,
    observe,
    released,
    renewed,
)
from sluice_operator.kubernetes.lease_deadline import Deadline, LeaseDeadline
from sluice_operator.kubernetes.protocols import LeaseClient

logger = logging.getLogger(__name__)

Result = TypeVar("Result")


class LeaderElector:
    """One process that leads or waits to lead."""

    def __init__(
        self,
        *,
        client: LeaseClient,
        config: LeaseConfig,
        identity: str,
        clock: Clock | None = None,
        deadline: Deadline | None = None,
    ) -> None:
        """`identity` names this process alone. A process that is restarted in the same pod is another one."""
        self._client = client
        self._config = config
        self._identity = identity
        self._clock = clock or SystemClock()
        self._deadline = deadline or LeaseDeadline()
        self._lease: Manifest = {}
        self._observed: ObservedLease | None = None
        self.is_leader = False

    @property
    def is_standby(self) -> bool:
        """Whether another process leads, and this one could take over."""
        return not self.is_leader and self._observed is not None

    async def run(self, work: Callable[[], Awaitable[None]]) -> None:
        """Wait until nobody else leads, then do `work` as the leader.

        When `work` ends, fails or is cancelled, the Lease is released for others, after `work` has really ended. If the
        Lease is lost before, the process ends at once with code 1.
        """
        try:
            await self._acquire()
            await self._run_as_leader(work)
        finally:
            if self.is_leader:
                await self._release()

    async def _run_as_leader(self, work: Callable[[], Awaitable[None]]) -> None:
        stop = asyncio.Event()
        renewals = asyncio.create_task(self._renew_until(stop), name="lease")
        try:
            await work()
        finally:
            # A renewal in flight must end first: otherwise it could arrive after the release.
            stop.set()
            await renewals

    async def _acquire(self) -> None:
        while not self.is_leader:
            # A cancellation waits for the response: if the Lease was acquired, it must be released.
            pause = await _run_to_completion(self._try_acquire())
            if not self.is_leader:
                await self._clock.sleep(pause * random.uniform(1.0, 1.1))  # noqa: S311 (jitter)
        logger.info("This operator leads, as %s", self._identity)

    async def _try_acquire(self) -> float:
        """Try to acquire the Lease. Returns after how many seconds to try again if that failed."""
        pause = self._config.retry_period_seconds
        try:
            async with asyncio.timeout(self._config.request_timeout_seconds):
                pause = min(pause, await self._acquire_if_free())
        except (ApiError, TimeoutError) as error:
            logger.warning("The lease could not be read or acquired: %s", _describe(error))
        except Exception:
            logger.exception("The lease could not be read or acquired")
        return pause

    async def _acquire_if_free(self) -> float:
        """Acquire the Lease if nobody holds it. Otherwise returns the seconds until it may be free."""
        lease = await self._client.get(LEASES, self._config.namespace, self._config.name)
        now = self._clock.monotonic()
        before, self._observed = self._observed, observe(self._observed, lease, now=now)
        # If this process holds it, the response to its acquisition was lost.
        if self._observed.holder != self._identity and (
            left := self._observed.held_seconds(now, min_duration_seconds=self._config.duration_seconds)
        ):
            if before is None or before.holder != self._observed.holder:
                holder = self._observed.holder or "a process whose lease was taken away by hand"
                logger.info("Standing by: %s leads", holder)
            return left
        wanted = acquired(lease, self._config, identity=self._identity, at=self._clock.now())
        await self._write(self._client.replace if lease else self._client.create, wanted)
        self.is_leader = True
        return 0.0

    async def _renew_until(self, stop: asyncio.Event) -> None:
        pause = self._config.retry_period_seconds
        while not await _wait_for(stop, timeout_seconds=pause):
            pause = self._config.retry_after_error_seconds
            try:
                async with asyncio.timeout(self._config.request_timeout_seconds):
                    await self._write_own(renewed)
                pause = self._config.retry_period_seconds
            except (ApiError, TimeoutError) as error:
                logger.warning("The lease could not be renewed: %s", _describe(error))
            except Exception:
                logger.exception("The lease could not be renewed")

    async def _release(self) -> None:
        try:
            async with asyncio.timeout(self._config.request_timeout_seconds):
                await self._write_own(released)
            logger.info("The lease is released")
        except (ApiError, TimeoutError) as error:
            logger.warning("The lease could not be released. Another leads when it expires: %s", _describe(error))
        finally:
            self.is_leader = False
            self._deadline.cancel()

    async def _write_own(self, update: LeaseUpdate) -> None:
        """Renew or release the Lease. Ends the process if another process holds it."""
        try:
            await self._write(self._client.replace, update(self._lease, self._config, at=self._clock.now()))
        except ApiError as error:
            if error.code not in {HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND}:
                raise
            lease = await self._client.get(LEASES, self._config.namespace, self._config.name)
            if lease is None or holder_of(lease) != self._identity:
                self._deadline.exit_now(f"The lease is lost: {holder_of(lease) or 'nobody'} holds it now")
            # This process still holds it: a response was lost, or somebody has annotated the Lease.
            await self._write(self._client.replace, update(lease, self._config, at=self._clock.now()))

    async def _write(self, write: Callable[[ApiResource, Manifest], Awaitable[Manifest]], lease: Manifest) -> None:
        sent_at = self._clock.monotonic()
        self._lease = await write(LEASES, lease)
        self._deadline.extend_to(sent_at + self._config.renew_deadline_seconds)


async def _wait_for(event: asyncio.Event, *, timeout_seconds: float) -> bool:
    """Whether `event` is set within that time."""
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_seconds):
            await event.wait()
    return event.is_set()


async def _run_to_completion(step: Coroutine[Any, Any, Result]) -> Result:
    """The result of `step`. A cancellation takes effect only after it."""
    task = asyncio.create_task(step)
    try:
        return await asyncio.shield(task)
    finally:
        await asyncio.wait([task])


def _describe(error: Exception) -> str:
    return str(error) or "no answer in time"
