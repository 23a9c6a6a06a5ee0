"""One leader among the replicas, by a Lease.

Why not the client's own `kubernetes.aio.leaderelection` (37.0): tried against an API server, it can't create a Lease
(its own models refuse the request's `pretty=True`); its leader works on for over 8 s after another has taken the
Lease, since it repeats until its deadline and counts that from the end of its last pause; when the API server can't be
reached it raises and leaves the work running, and so it does when it is cancelled; when the work fails it holds the
Lease for ever. It frees nothing at its end, and sets no time limit on a request. What would be left of it in a layer
around all that is the comparison of two times.

The leader ends the process at once when it learns that another leads, and by `lease_guard` when it can't learn it.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, TypeVar

from sluice_operator.kubernetes.client import LEASES, ApiError, ApiResource, KubernetesClient
from sluice_operator.kubernetes.leader_lease import (
    LeaseConfig,
    LeaseUpdate,
    Manifest,
    ObservedLease,
    acquired,
    holder_of,
    observe,
    released,
    renewed,
)
from sluice_operator.kubernetes.lease_deadline import LeaseDeadline, exit_now

logger = logging.getLogger(__name__)


Result = TypeVar("Result")


class LeaderElector:
    """One process that leads or waits to lead."""

    def __init__(self, *, client: KubernetesClient, config: LeaseConfig, identity: str) -> None:
        """`identity` must be of this process alone: one that is started anew in the same pod is another."""
        self._client = client
        self._config = config
        self._identity = identity
        self._lease: Manifest = {}
        self._observed: ObservedLease | None = None
        self._deadline = LeaseDeadline()
        self.is_leader = False

    @property
    def is_standby(self) -> bool:
        """Whether it waits, and could take over: it has seen who leads."""
        return not self.is_leader and self._observed is not None

    async def run(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do `work` as soon as nobody else leads. Its end, its error or a cancellation frees the Lease for others,
        once the work has really ended. When the Lease is lost, the process ends at once with code 1.
        """
        try:
            await self._acquire()
            await self._run_as_leader(work)
        finally:
            if self.is_leader:
                await self._release()

    async def _run_as_leader(self, work: Callable[[], Awaitable[None]]) -> None:
        ended = asyncio.Event()
        keeping = asyncio.create_task(self._renew_until(ended), name="lease")
        try:
            await work()
        finally:
            # A renewal that is under way comes to its end: cut off, it could come after the release.
            ended.set()
            await keeping

    async def _acquire(self) -> None:
        while not self.is_leader:
            # As long as it takes, whoever cuts it off: the Lease may be taken, and would have to be freed.
            pause = await _run_to_completion(self._try_acquire())
            if not self.is_leader:
                await asyncio.sleep(pause * random.uniform(1.0, 1.1))  # noqa: S311 (jitter)
        logger.info("This operator leads, as %s", self._identity)

    async def _try_acquire(self) -> float:
        """Try to take the Lease. After how many seconds to try again, if that was in vain."""
        pause = self._config.retry_period_seconds
        try:
            async with asyncio.timeout(self._config.request_timeout_seconds):
                pause = min(pause, await self._acquire_if_free())
        except (ApiError, TimeoutError) as error:
            logger.warning("The lease could not be looked at or taken: %s", _describe(error))
        except Exception:
            logger.exception("The lease could not be looked at or taken")
        return pause

    async def _acquire_if_free(self) -> float:
        """Take the Lease if it is free. In how many seconds it may be free otherwise."""
        lease = await self._client.get(LEASES, self._config.namespace, self._config.name)
        now = time.monotonic()
        before, self._observed = self._observed, observe(self._observed, lease, now=now)
        # Held by this process it is if the answer got lost when it was taken.
        if self._observed.holder != self._identity and (
            left := self._observed.held_seconds(now, min_duration_seconds=self._config.duration_seconds)
        ):
            if before is None or before.holder != self._observed.holder:
                holder = self._observed.holder or "somebody from whom the lease was taken"
                logger.info("Standing by: %s leads", holder)
            return left
        wanted = acquired(lease, self._config, identity=self._identity, at=datetime.now(UTC))
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
            logger.info("The lease is free for another")
        except (ApiError, TimeoutError) as error:
            logger.warning("The lease could not be freed, another leads when it runs out: %s", _describe(error))
        finally:
            self.is_leader = False
            self._deadline.cancel()

    async def _write_own(self, change: LeaseUpdate) -> None:
        try:
            await self._write(self._client.replace, change(self._lease, self._config, at=datetime.now(UTC)))
        except ApiError as error:
            if error.code not in {HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND}:
                raise
            lease = await self._client.get(LEASES, self._config.namespace, self._config.name)
            if lease is None or holder_of(lease) != self._identity:
                exit_now(f"The lease is lost: {holder_of(lease) or 'nobody'} holds it now")
            # It is still its own: an answer got lost, or somebody has annotated it.
            await self._write(self._client.replace, change(lease, self._config, at=datetime.now(UTC)))

    async def _write(self, write: Callable[[ApiResource, Manifest], Awaitable[Manifest]], lease: Manifest) -> None:
        sent = time.monotonic()
        self._lease = await write(LEASES, lease)
        self._deadline.extend_to(sent + self._config.renew_deadline_seconds)


async def _wait_for(event: asyncio.Event, *, timeout_seconds: float) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_seconds):
            await event.wait()
    return event.is_set()


async def _run_to_completion(step: Coroutine[Any, Any, Result]) -> Result:
    """What comes of `step`, for which a cancellation waits."""
    task = asyncio.create_task(step)
    try:
        return await asyncio.shield(task)
    finally:
        await asyncio.wait([task])


def _describe(error: Exception) -> str:
    return str(error) or "no answer in time"
