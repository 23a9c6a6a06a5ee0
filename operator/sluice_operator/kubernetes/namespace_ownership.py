"""Which namespaces this release serves: one Lease in each that has resources says so.

Two releases that serve one namespace would write the same children, each with its own default Redis. So nothing is
written in a namespace whose Lease this release does not hold: `Kube` asks `check` before each write, and whoever writes
to Redis asks it as well. The Lease is held until a time on the monotonic clock, well before another release may take
it, so a process that was stopped and wakes up writes nothing more.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

from sluice_operator.kubernetes.client import LEASES, Kube, KubeError, Manifest
from sluice_operator.kubernetes.leader_lease import Seen, holder_of, released, renewed, see, taken
from sluice_operator.kubernetes.namespace_lease import (
    DEADLINE_SECONDS,
    DURATION_SECONDS,
    NAME,
    RENEW_SECONDS,
    instance_of,
    is_being_deleted,
    is_held_by,
    is_of,
    lease_is_refused,
    marked,
    taken_by_another,
    terms,
    wait_seconds,
)

logger = logging.getLogger(__name__)

POLL_SECONDS: Final = 5.0
"""How often the Lease of another release is looked at."""
MOST_POLLS_A_SECOND: Final = 10.0
RETRY_SECONDS: Final = 3.0
REFUSED_SECONDS: Final = 10.0
ATTEMPT_SECONDS: Final = 8.0
TELL_AGAIN_SECONDS: Final = 3600.0
RELEASE_SECONDS: Final = 5.0
_AT_ONCE: Final = 10


class _Place:
    """What is known of the Lease of one namespace."""

    def __init__(self) -> None:
        self.lease: Manifest = {}
        self.seen: Seen | None = None
        self.until = 0.0
        """Until when this process may write there, on the monotonic clock."""
        self.was_lost = False
        """Whether somebody else has taken it from this process."""
        self.trouble = ""
        """Why it can't be held, in words."""
        self.told_at = 0.0

    @property
    def is_held(self) -> bool:
        return time.monotonic() < self.until


class Tenancy:
    """Holds the Leases of the namespaces that have resources."""

    def __init__(
        self,
        *,
        kube: Kube,
        release: str,
        instance: str,
        has_resources: Callable[[str], bool],
        is_served: Callable[[str], bool],
        held: Callable[[str], None],
    ) -> None:
        """`release` names this release to people, `instance` this process of it. `is_served` tells whether the API
        server lets the operator into a namespace, `held` is called when one begins to be held.
        """
        self._kube = kube
        self._release = release
        self._instance = f"{release}_{instance}"
        self._has_resources = has_resources
        self._is_served = is_served
        self._held = held
        self._places: dict[str, _Place] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._is_over = False
        self._slots = asyncio.Semaphore(_AT_ONCE)

    @property
    def states(self) -> dict[str, bool]:
        """By namespace with resources, whether it is held; those of which that is not known yet are left out."""
        return {name: place.is_held for name, place in self._places.items() if place.is_held or place.trouble}

    @property
    def troubles(self) -> dict[str, str]:
        """By namespace, why it can't be held."""
        return {name: place.trouble for name, place in self._places.items() if place.trouble and not place.is_held}

    def holds(self, namespace: str) -> bool:
        """Whether this process may write in that namespace now."""
        place = self._places.get(namespace)
        return place is not None and place.is_held

    def is_of_another(self, namespace: str) -> bool:
        """Whether another release serves that namespace, or the rights to serve it are missing."""
        return namespace in self.troubles

    def check(self, namespace: str) -> None:
        """Raises KubeError if nothing may be written in that namespace now."""
        if not self.holds(namespace):
            raise KubeError(0, "LeaseNotHeld", f"the Lease {NAME} in {namespace} is not held, so nothing is written")

    def want(self, namespace: str) -> None:
        """There are resources in that namespace: hold it for as long as there are."""
        task = self._tasks.get(namespace)
        if (task is None or task.done()) and not self._is_over:
            self._places.setdefault(namespace, _Place())
            task = asyncio.create_task(self._follow(namespace), name=f"lease of {namespace}")
            self._tasks[namespace] = task

    async def run(self) -> None:
        """Wait until cancelled. The Leases are held then, and renewed no longer: see `release`."""
        try:
            await asyncio.Event().wait()
        finally:
            self._is_over = True
            tasks = list(self._tasks.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def release(self) -> None:
        """Let go of all Leases, after the last write. It takes some seconds at most."""
        names = [name for name, place in self._places.items() if place.is_held]
        try:
            async with asyncio.timeout(RELEASE_SECONDS):
                await asyncio.gather(*map(self._let_go, names), return_exceptions=True)
        except TimeoutError:
            logger.warning("Not all Leases of namespaces could be freed: they are void after %d s", DURATION_SECONDS)
        self._places.clear()

    async def _follow(self, namespace: str) -> None:
        place = self._places[namespace]
        while True:
            if not self._has_resources(namespace):
                await self._let_go(namespace)
                if not self._has_resources(namespace):
                    del self._places[namespace]
                    return
            was_held = place.is_held
            pause = await self._attempt(namespace, place)
            if place.is_held and not was_held:
                self._begin(namespace, place)
            await asyncio.sleep(pause)

    def _begin(self, namespace: str, place: _Place) -> None:
        if place.trouble:
            logger.info("Namespace %s is served by this release now, %s", namespace, self._release)
        place.trouble, place.told_at, place.was_lost = "", 0.0, False
        self._held(namespace)

    async def _attempt(self, namespace: str, place: _Place) -> float:
        """Take or renew the Lease. After how many seconds to do so again."""
        if not self._is_served(namespace):
            return POLL_SECONDS
        async with self._slots:
            try:
                async with asyncio.timeout(ATTEMPT_SECONDS):
                    if place.is_held and place.lease:
                        return await self._renew(namespace, place)
                    return await self._take(namespace, place)
            except KubeError as error:
                if error.code == HTTPStatus.FORBIDDEN:
                    return self._refused(namespace, place, error)
                logger.debug("The Lease of namespace %s: %s", namespace, error)
                return max(RETRY_SECONDS, min(error.retry_after, POLL_SECONDS))
            except TimeoutError:
                logger.debug("The Lease of namespace %s: no answer in time", namespace)
            except Exception:
                logger.exception("The Lease of namespace %s could not be held", namespace)
        return RETRY_SECONDS

    async def _take(self, namespace: str, place: _Place) -> float:
        lease = await self._kube.get(LEASES, namespace, NAME)
        now = time.monotonic()
        place.seen = see(place.seen, lease, now=now)
        is_own = is_of(lease, release=self._release) and not place.was_lost
        if not is_own and (left := wait_seconds(place.seen, now, release=self._release)):
            self._tell(namespace, place, taken_by_another(namespace, holder_of(lease) or "which is leaving it"))
            return min(left, max(POLL_SECONDS, len(self.troubles) / MOST_POLLS_A_SECOND))
        await self._write_taken(namespace, place, lease)
        return RENEW_SECONDS

    async def _renew(self, namespace: str, place: _Place) -> float:
        try:
            await self._write(place, renewed(place.lease, terms(namespace), at=datetime.now(UTC)))
        except KubeError as error:
            if error.code not in {HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND}:
                raise
            lease = await self._kube.get(LEASES, namespace, NAME)
            is_emptied = not holder_of(lease) and instance_of(lease) == self._instance
            if lease is not None and is_held_by(lease, instance=self._instance, release=self._release):
                await self._write(place, renewed(lease, terms(namespace), at=datetime.now(UTC)))
            elif lease is None or is_emptied:  # by a person
                await self._write_taken(namespace, place, lease)
            else:
                place.until, place.was_lost = 0.0, True
                place.lease, place.seen = {}, see(None, lease, now=time.monotonic())
                logger.error("The Lease of namespace %s was taken by %s", namespace, holder_of(lease) or "nobody")
                return 0.0
        return RENEW_SECONDS

    async def _write_taken(self, namespace: str, place: _Place, lease: Manifest | None) -> None:
        at, sent = datetime.now(UTC), time.monotonic()
        wanted = taken(lease, terms(namespace), identity=self._release, at=at)
        try:
            await self._write(place, wanted)
        except KubeError as error:
            if not is_being_deleted(error):
                raise
            # Nobody else can take it either, and the resources in it wait to be let go.
            place.lease, place.seen, place.until = {}, None, sent + DEADLINE_SECONDS

    async def _write(self, place: _Place, lease: Manifest) -> None:
        sent, is_there = time.monotonic(), "resourceVersion" in lease["metadata"]
        write = self._kube.replace if is_there else self._kube.create
        place.lease = await write(LEASES, marked(lease, instance=self._instance))
        # One that is gone after it ran out may have been another's meanwhile.
        place.seen = Seen(lease=place.lease, since=time.monotonic())
        place.until = sent + DEADLINE_SECONDS

    async def _let_go(self, namespace: str) -> None:
        """Delete the Lease if nothing is left there to be served, else free it for others."""
        place = self._places[namespace]
        if not place.is_held:
            return
        place.until = 0.0
        if not place.lease or not self._is_served(namespace):
            return
        lease, place.lease, place.seen = place.lease, {}, None
        try:
            async with self._slots:
                await self._free(namespace, lease)
        except KubeError as error:
            logger.debug("The Lease of namespace %s could not be freed: %s", namespace, error)

    async def _free(self, namespace: str, lease: Manifest) -> None:
        if not self._has_resources(namespace):
            await self._kube.delete(LEASES, namespace, NAME, uid=lease["metadata"]["uid"])
            return
        try:
            await self._kube.replace(LEASES, released(lease, terms(namespace), at=datetime.now(UTC)))
        except KubeError as error:
            if error.code != HTTPStatus.CONFLICT:
                raise
            # The answer to the last renewal was not waited for, or somebody has annotated it.
            newest = await self._kube.get(LEASES, namespace, NAME)
            if newest is not None and is_held_by(newest, instance=self._instance, release=self._release):
                await self._kube.replace(LEASES, released(newest, terms(namespace), at=datetime.now(UTC)))

    def _refused(self, namespace: str, place: _Place, error: KubeError) -> float:
        self._tell(namespace, place, lease_is_refused(namespace, error))
        return RETRY_SECONDS if place.is_held else REFUSED_SECONDS

    def _tell(self, namespace: str, place: _Place, trouble: str) -> None:
        now = time.monotonic()
        if trouble != place.trouble or now - place.told_at > TELL_AGAIN_SECONDS:
            logger.error("Nothing is written in %s: %s", namespace, trouble)
            place.told_at = now
        place.trouble = trouble
