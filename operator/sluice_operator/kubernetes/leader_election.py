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

from sluice_operator.kubernetes.client import LEASES, Api, Kube, KubeError
from sluice_operator.kubernetes.leader_lease import (
    Change,
    Manifest,
    Seen,
    Terms,
    holder_of,
    released,
    renewed,
    see,
    taken,
)
from sluice_operator.kubernetes.lease_deadline import LeaseGuard, end_at_once

logger = logging.getLogger(__name__)


Answer = TypeVar("Answer")


class Candidate:
    """One process that leads or waits to lead."""

    def __init__(self, *, kube: Kube, terms: Terms, identity: str) -> None:
        """`identity` must be of this process alone: one that is started anew in the same pod is another."""
        self._kube = kube
        self._terms = terms
        self._identity = identity
        self._lease: Manifest = {}
        self._seen: Seen | None = None
        self._guard = LeaseGuard()
        self.is_leader = False

    @property
    def is_standby(self) -> bool:
        """Whether it waits, and could take over: it has seen who leads."""
        return not self.is_leader and self._seen is not None

    async def lead(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do `work` as soon as nobody else leads. Its end, its error or a cancellation frees the Lease for others,
        once the work has really ended. When the Lease is lost, the process ends at once with code 1.
        """
        try:
            await self._acquire()
            await self._lead(work)
        finally:
            if self.is_leader:
                await self._release()

    async def _lead(self, work: Callable[[], Awaitable[None]]) -> None:
        ended = asyncio.Event()
        keeping = asyncio.create_task(self._keep(ended), name="lease")
        try:
            await work()
        finally:
            # A renewal that is under way comes to its end: cut off, it could come after the release.
            ended.set()
            await keeping

    async def _acquire(self) -> None:
        while not self.is_leader:
            # As long as it takes, whoever cuts it off: the Lease may be taken, and would have to be freed.
            pause = await _to_its_end(self._attempt())
            if not self.is_leader:
                await asyncio.sleep(pause * random.uniform(1.0, 1.1))  # noqa: S311 (jitter)
        logger.info("This operator leads, as %s", self._identity)

    async def _attempt(self) -> float:
        """Try to take the Lease. After how many seconds to try again, if that was in vain."""
        pause = self._terms.retry_seconds
        try:
            async with asyncio.timeout(self._terms.attempt_seconds):
                pause = min(pause, await self._try())
        except (KubeError, TimeoutError) as error:
            logger.warning("The lease could not be looked at or taken: %s", _told(error))
        except Exception:
            logger.exception("The lease could not be looked at or taken")
        return pause

    async def _try(self) -> float:
        """Take the Lease if it is free. In how many seconds it may be free otherwise."""
        lease = await self._kube.get(LEASES, self._terms.namespace, self._terms.name)
        now = time.monotonic()
        before, self._seen = self._seen, see(self._seen, lease, now=now)
        # Held by this process it is if the answer got lost when it was taken.
        if self._seen.holder != self._identity and (
            left := self._seen.held_seconds(now, least=self._terms.duration_seconds)
        ):
            if before is None or before.holder != self._seen.holder:
                holder = self._seen.holder or "somebody from whom the lease was taken"
                logger.info("Standing by: %s leads", holder)
            return left
        wanted = taken(lease, self._terms, identity=self._identity, at=datetime.now(UTC))
        await self._write(self._kube.replace if lease else self._kube.create, wanted)
        self.is_leader = True
        return 0.0

    async def _keep(self, ended: asyncio.Event) -> None:
        pause = self._terms.retry_seconds
        while not await _comes(ended, within=pause):
            pause = self._terms.again_seconds
            try:
                async with asyncio.timeout(self._terms.attempt_seconds):
                    await self._write_own(renewed)
                pause = self._terms.retry_seconds
            except (KubeError, TimeoutError) as error:
                logger.warning("The lease could not be renewed: %s", _told(error))
            except Exception:
                logger.exception("The lease could not be renewed")

    async def _release(self) -> None:
        try:
            async with asyncio.timeout(self._terms.attempt_seconds):
                await self._write_own(released)
            logger.info("The lease is free for another")
        except (KubeError, TimeoutError) as error:
            logger.warning("The lease could not be freed, another leads when it runs out: %s", _told(error))
        finally:
            self.is_leader = False
            self._guard.drop()

    async def _write_own(self, change: Change) -> None:
        try:
            await self._write(self._kube.replace, change(self._lease, self._terms, at=datetime.now(UTC)))
        except KubeError as error:
            if error.code not in {HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND}:
                raise
            lease = await self._kube.get(LEASES, self._terms.namespace, self._terms.name)
            if lease is None or holder_of(lease) != self._identity:
                end_at_once(f"The lease is lost: {holder_of(lease) or 'nobody'} holds it now")
            # It is still its own: an answer got lost, or somebody has annotated it.
            await self._write(self._kube.replace, change(lease, self._terms, at=datetime.now(UTC)))

    async def _write(self, write: Callable[[Api, Manifest], Awaitable[Manifest]], lease: Manifest) -> None:
        sent = time.monotonic()
        self._lease = await write(LEASES, lease)
        self._guard.hold_until(sent + self._terms.deadline_seconds)


async def _comes(event: asyncio.Event, *, within: float) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(within):
            await event.wait()
    return event.is_set()


async def _to_its_end(step: Coroutine[Any, Any, Answer]) -> Answer:
    """What comes of `step`, for which a cancellation waits."""
    task = asyncio.create_task(step)
    try:
        return await asyncio.shield(task)
    finally:
        await asyncio.wait([task])


def _told(error: Exception) -> str:
    return str(error) or "no answer in time"
