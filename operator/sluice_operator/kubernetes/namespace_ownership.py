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

from sluice_operator.kubernetes.client import LEASES, ApiError, KubernetesClient, Manifest
from sluice_operator.kubernetes.leader_lease import ObservedLease, acquired, holder_of, observe, released, renewed
from sluice_operator.kubernetes.namespace_lease import (
    DURATION_SECONDS,
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

logger = logging.getLogger(__name__)

POLL_SECONDS: Final = 5.0
"""How often the Lease of another release is looked at."""
MAX_POLLS_PER_SECOND: Final = 10.0
RETRY_SECONDS: Final = 3.0
FORBIDDEN_RETRY_SECONDS: Final = 10.0
ATTEMPT_TIMEOUT_SECONDS: Final = 8.0
LOG_AGAIN_SECONDS: Final = 3600.0
RELEASE_TIMEOUT_SECONDS: Final = 5.0
_MAX_CONCURRENT: Final = 10


class _NamespaceState:
    """What is known of the Lease of one namespace."""

    def __init__(self) -> None:
        self.lease: Manifest = {}
        self.observed: ObservedLease | None = None
        self.held_until = 0.0
        """Until when this process may write there, on the monotonic clock."""
        self.was_lost = False
        """Whether somebody else has taken it from this process."""
        self.problem = ""
        """Why it can't be held, in words."""
        self.logged_at = 0.0

    @property
    def is_held(self) -> bool:
        return time.monotonic() < self.held_until


class NamespaceOwnership:
    """Holds the Leases of the namespaces that have resources."""

    def __init__(
        self,
        *,
        client: KubernetesClient,
        release: str,
        instance: str,
        has_resources: Callable[[str], bool],
        is_served: Callable[[str], bool],
        on_acquired: Callable[[str], None],
    ) -> None:
        """`release` names this release to people, `instance` this process of it. `is_served` tells whether the API
        server lets the operator into a namespace, `held` is called when one begins to be held.
        """
        self._client = client
        self._release = release
        self._instance = f"{release}_{instance}"
        self._has_resources = has_resources
        self._is_served = is_served
        self._on_acquired = on_acquired
        self._namespaces: dict[str, _NamespaceState] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._is_stopping = False
        self._slots = asyncio.Semaphore(_MAX_CONCURRENT)

    @property
    def held_by_namespace(self) -> dict[str, bool]:
        """By namespace with resources, whether it is held; those of which that is not known yet are left out."""
        return {name: place.is_held for name, place in self._namespaces.items() if place.is_held or place.problem}

    @property
    def problems(self) -> dict[str, str]:
        """By namespace, why it can't be held."""
        return {name: place.problem for name, place in self._namespaces.items() if place.problem and not place.is_held}

    def holds(self, namespace: str) -> bool:
        """Whether this process may write in that namespace now."""
        place = self._namespaces.get(namespace)
        return place is not None and place.is_held

    def is_unavailable(self, namespace: str) -> bool:
        """Whether another release serves that namespace, or the rights to serve it are missing."""
        return namespace in self.problems

    def check_held(self, namespace: str) -> None:
        """Raises KubeError if nothing may be written in that namespace now."""
        if not self.holds(namespace):
            raise ApiError(
                0, "LeaseNotHeld", f"the Lease {LEASE_NAME} in {namespace} is not held, so nothing is written"
            )

    def ensure_held(self, namespace: str) -> None:
        """There are resources in that namespace: hold it for as long as there are."""
        task = self._tasks.get(namespace)
        if (task is None or task.done()) and not self._is_stopping:
            self._namespaces.setdefault(namespace, _NamespaceState())
            task = asyncio.create_task(self._hold_while_needed(namespace), name=f"lease of {namespace}")
            self._tasks[namespace] = task

    async def run(self) -> None:
        """Wait until cancelled. The Leases are held then, and renewed no longer: see `release`."""
        try:
            await asyncio.Event().wait()
        finally:
            self._is_stopping = True
            tasks = list(self._tasks.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def release_all(self) -> None:
        """Let go of all Leases, after the last write. It takes some seconds at most."""
        names = [name for name, place in self._namespaces.items() if place.is_held]
        try:
            async with asyncio.timeout(RELEASE_TIMEOUT_SECONDS):
                await asyncio.gather(*map(self._give_up, names), return_exceptions=True)
        except TimeoutError:
            logger.warning("Not all Leases of namespaces could be freed: they are void after %d s", DURATION_SECONDS)
        self._namespaces.clear()

    async def _hold_while_needed(self, namespace: str) -> None:
        place = self._namespaces[namespace]
        while True:
            if not self._has_resources(namespace):
                await self._give_up(namespace)
                if not self._has_resources(namespace):
                    del self._namespaces[namespace]
                    return
            was_held = place.is_held
            pause = await self._acquire_or_renew(namespace, place)
            if place.is_held and not was_held:
                self._start_serving(namespace, place)
            await asyncio.sleep(pause)

    def _start_serving(self, namespace: str, state: _NamespaceState) -> None:
        if state.problem:
            logger.info("Namespace %s is served by this release now, %s", namespace, self._release)
        state.problem, state.logged_at, state.was_lost = "", 0.0, False
        self._on_acquired(namespace)

    async def _acquire_or_renew(self, namespace: str, state: _NamespaceState) -> float:
        """Take or renew the Lease. After how many seconds to do so again."""
        if not self._is_served(namespace):
            return POLL_SECONDS
        async with self._slots:
            try:
                async with asyncio.timeout(ATTEMPT_TIMEOUT_SECONDS):
                    if state.is_held and state.lease:
                        return await self._renew(namespace, state)
                    return await self._acquire(namespace, state)
            except ApiError as error:
                if error.code == HTTPStatus.FORBIDDEN:
                    return self._handle_forbidden(namespace, state, error)
                logger.debug("The Lease of namespace %s: %s", namespace, error)
                return max(RETRY_SECONDS, min(error.retry_after, POLL_SECONDS))
            except TimeoutError:
                logger.debug("The Lease of namespace %s: no answer in time", namespace)
            except Exception:
                logger.exception("The Lease of namespace %s could not be held", namespace)
        return RETRY_SECONDS

    async def _acquire(self, namespace: str, state: _NamespaceState) -> float:
        lease = await self._client.get(LEASES, namespace, LEASE_NAME)
        now = time.monotonic()
        state.observed = observe(state.observed, lease, now=now)
        is_own = belongs_to(lease, release=self._release) and not state.was_lost
        if not is_own and (left := seconds_until_free(state.observed, now, release=self._release)):
            self._log_problem(
                namespace, state, served_by_another_message(namespace, holder_of(lease) or "which is leaving it")
            )
            return min(left, max(POLL_SECONDS, len(self.problems) / MAX_POLLS_PER_SECOND))
        await self._write_acquired(namespace, state, lease)
        return RENEW_SECONDS

    async def _renew(self, namespace: str, state: _NamespaceState) -> float:
        try:
            await self._write(state, renewed(state.lease, lease_config(namespace), at=datetime.now(UTC)))
        except ApiError as error:
            if error.code not in {HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND}:
                raise
            lease = await self._client.get(LEASES, namespace, LEASE_NAME)
            is_emptied = not holder_of(lease) and instance_of(lease) == self._instance
            if lease is not None and is_held_by(lease, instance=self._instance, release=self._release):
                await self._write(state, renewed(lease, lease_config(namespace), at=datetime.now(UTC)))
            elif lease is None or is_emptied:  # by a person
                await self._write_acquired(namespace, state, lease)
            else:
                state.held_until, state.was_lost = 0.0, True
                state.lease, state.observed = {}, observe(None, lease, now=time.monotonic())
                logger.error("The Lease of namespace %s was taken by %s", namespace, holder_of(lease) or "nobody")
                return 0.0
        return RENEW_SECONDS

    async def _write_acquired(self, namespace: str, state: _NamespaceState, lease: Manifest | None) -> None:
        at, sent = datetime.now(UTC), time.monotonic()
        wanted = acquired(lease, lease_config(namespace), identity=self._release, at=at)
        try:
            await self._write(state, wanted)
        except ApiError as error:
            if not is_namespace_terminating(error):
                raise
            # Nobody else can take it either, and the resources in it wait to be let go.
            state.lease, state.observed, state.held_until = {}, None, sent + WRITE_DEADLINE_SECONDS

    async def _write(self, state: _NamespaceState, lease: Manifest) -> None:
        sent, is_there = time.monotonic(), "resourceVersion" in lease["metadata"]
        write = self._client.replace if is_there else self._client.create
        state.lease = await write(LEASES, with_instance(lease, instance=self._instance))
        # One that is gone after it ran out may have been another's meanwhile.
        state.observed = ObservedLease(lease=state.lease, since=time.monotonic())
        state.held_until = sent + WRITE_DEADLINE_SECONDS

    async def _give_up(self, namespace: str) -> None:
        """Delete the Lease if nothing is left there to be served, else free it for others."""
        place = self._namespaces[namespace]
        if not place.is_held:
            return
        place.held_until = 0.0
        if not place.lease or not self._is_served(namespace):
            return
        lease, place.lease, place.observed = place.lease, {}, None
        try:
            async with self._slots:
                await self._release_lease(namespace, lease)
        except ApiError as error:
            logger.debug("The Lease of namespace %s could not be freed: %s", namespace, error)

    async def _release_lease(self, namespace: str, lease: Manifest) -> None:
        if not self._has_resources(namespace):
            await self._client.delete(LEASES, namespace, LEASE_NAME, uid=lease["metadata"]["uid"])
            return
        try:
            await self._client.replace(LEASES, released(lease, lease_config(namespace), at=datetime.now(UTC)))
        except ApiError as error:
            if error.code != HTTPStatus.CONFLICT:
                raise
            # The answer to the last renewal was not waited for, or somebody has annotated it.
            newest = await self._client.get(LEASES, namespace, LEASE_NAME)
            if newest is not None and is_held_by(newest, instance=self._instance, release=self._release):
                await self._client.replace(LEASES, released(newest, lease_config(namespace), at=datetime.now(UTC)))

    def _handle_forbidden(self, namespace: str, state: _NamespaceState, error: ApiError) -> float:
        self._log_problem(namespace, state, lease_forbidden_message(namespace, error))
        return RETRY_SECONDS if state.is_held else FORBIDDEN_RETRY_SECONDS

    def _log_problem(self, namespace: str, state: _NamespaceState, problem: str) -> None:
        now = time.monotonic()
        if problem != state.problem or now - state.logged_at > LOG_AGAIN_SECONDS:
            logger.error("Nothing is written in %s: %s", namespace, problem)
            state.logged_at = now
        state.problem = problem
