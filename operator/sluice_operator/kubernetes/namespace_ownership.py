"""Which namespaces this release may write in: those whose Lease it holds.

Two releases that serve one namespace would write the same children, each with its own default Redis. So a release
writes nothing in a namespace whose Lease it does not hold. `KubernetesClient` calls `check_held` before each write, and
so does every write to Redis.

The Lease is held until a time on the monotonic clock, well before another release may take it. So a process that was
stopped and continues later writes nothing.
"""

import asyncio
import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from sluice_common.clock import Clock, SystemClock
from sluice_operator.kubernetes.api_resource import LEASES, Manifest
from sluice_operator.kubernetes.errors import ApiError
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
from sluice_operator.kubernetes.protocols import LeaseClient

logger = logging.getLogger(__name__)

POLL_SECONDS: Final = 5.0
"""How often the Lease of another release is read."""
MAX_POLLS_PER_SECOND: Final = 10.0
RETRY_SECONDS: Final = 3.0
FORBIDDEN_RETRY_SECONDS: Final = 10.0
ATTEMPT_TIMEOUT_SECONDS: Final = 8.0
LOG_AGAIN_SECONDS: Final = 3600.0
RELEASE_TIMEOUT_SECONDS: Final = 5.0
_MAX_CONCURRENT: Final = 10


class _NamespaceState:
    """The Lease of one namespace, as this process knows it."""

    def __init__(self) -> None:
        self.lease: Manifest = {}
        self.observed: ObservedLease | None = None
        self.held_until = 0.0
        """Until when this process may write there, on the monotonic clock."""
        self.was_lost = False
        """Whether another process has taken it from this one."""
        self.problem = ""
        """Why it can't be held. Empty if it can."""
        self.logged_at = 0.0


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
        self._client = client
        self._release = release
        self._instance = f"{release}_{instance}"
        self._has_resources = has_resources
        self._is_served = is_served
        self._on_acquired = on_acquired
        self._clock = clock or SystemClock()
        self._namespaces: dict[str, _NamespaceState] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._is_stopping = False
        self._slots = asyncio.Semaphore(_MAX_CONCURRENT)

    @property
    def held_by_namespace(self) -> dict[str, bool]:
        """By namespace with resources, whether its Lease is held. Namespaces where that is not known yet are absent."""
        return {
            name: self._is_held(state)
            for name, state in self._namespaces.items()
            if self._is_held(state) or state.problem
        }

    @property
    def problems(self) -> dict[str, str]:
        """By namespace, why its Lease can't be held."""
        return {
            name: state.problem
            for name, state in self._namespaces.items()
            if state.problem and not self._is_held(state)
        }

    def holds(self, namespace: str) -> bool:
        """Whether this process may write in that namespace now."""
        state = self._namespaces.get(namespace)
        return state is not None and self._is_held(state)

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
            self._namespaces.setdefault(namespace, _NamespaceState())
            task = asyncio.create_task(self._hold_while_needed(namespace), name=f"lease of {namespace}")
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
        names = [name for name, state in self._namespaces.items() if self._is_held(state)]
        try:
            async with asyncio.timeout(RELEASE_TIMEOUT_SECONDS):
                await asyncio.gather(*map(self._give_up, names), return_exceptions=True)
        except TimeoutError:
            logger.warning("Not all Leases of namespaces could be released: they expire after %d s", DURATION_SECONDS)
        self._namespaces.clear()

    def _is_held(self, state: _NamespaceState) -> bool:
        return self._clock.monotonic() < state.held_until

    async def _hold_while_needed(self, namespace: str) -> None:
        state = self._namespaces[namespace]
        while True:
            if not self._has_resources(namespace):
                await self._give_up(namespace)
                if not self._has_resources(namespace):  # none has come meanwhile
                    del self._namespaces[namespace]
                    return
            await self._clock.sleep(await self._step(namespace, state))

    async def _step(self, namespace: str, state: _NamespaceState) -> float:
        """Acquire or renew the Lease. Returns the seconds until the next time."""
        was_held = self._is_held(state)
        pause = await self._acquire_or_renew(namespace, state)
        if self._is_held(state) and not was_held:
            self._start_serving(namespace, state)
        return pause

    def _start_serving(self, namespace: str, state: _NamespaceState) -> None:
        if state.problem:
            logger.info("Namespace %s is served by this release now, %s", namespace, self._release)
        state.problem, state.logged_at, state.was_lost = "", 0.0, False
        self._on_acquired(namespace)

    async def _acquire_or_renew(self, namespace: str, state: _NamespaceState) -> float:
        if not self._is_served(namespace):
            return POLL_SECONDS
        async with self._slots:
            try:
                async with asyncio.timeout(ATTEMPT_TIMEOUT_SECONDS):
                    if self._is_held(state) and state.lease:
                        return await self._renew(namespace, state)
                    return await self._acquire(namespace, state)
            except ApiError as error:
                if error.code == HTTPStatus.FORBIDDEN:
                    self._log_problem(namespace, state, lease_forbidden_message(namespace, error))
                    return RETRY_SECONDS if self._is_held(state) else FORBIDDEN_RETRY_SECONDS
                logger.debug("The Lease of namespace %s: %s", namespace, error)
                return max(RETRY_SECONDS, min(error.retry_after, POLL_SECONDS))
            except TimeoutError:
                logger.debug("The Lease of namespace %s: no answer in time", namespace)
            except Exception:
                logger.exception("The Lease of namespace %s could not be held", namespace)
        return RETRY_SECONDS

    async def _acquire(self, namespace: str, state: _NamespaceState) -> float:
        lease = await self._client.get(LEASES, namespace, LEASE_NAME)
        now = self._clock.monotonic()
        state.observed = observe(state.observed, lease, now=now)
        is_own = belongs_to(lease, release=self._release) and not state.was_lost
        if not is_own and (left := seconds_until_free(state.observed, now, release=self._release)):
            holder = holder_of(lease) or "which is leaving it"
            self._log_problem(namespace, state, served_by_another_message(namespace, holder))
            return min(left, max(POLL_SECONDS, len(self.problems) / MAX_POLLS_PER_SECOND))
        await self._write_acquired(namespace, state, lease)
        return RENEW_SECONDS

    async def _renew(self, namespace: str, state: _NamespaceState) -> float:
        try:
            await self._write(state, renewed(state.lease, lease_config(namespace), at=self._clock.now()))
        except ApiError as error:
            if error.code not in {HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND}:
                raise
            return await self._renew_changed(namespace, state)
        return RENEW_SECONDS

    async def _renew_changed(self, namespace: str, state: _NamespaceState) -> float:
        """Renew a Lease that somebody has changed or deleted, unless another process holds it now."""
        lease = await self._client.get(LEASES, namespace, LEASE_NAME)
        is_emptied = not holder_of(lease) and instance_of(lease) == self._instance
        if lease is not None and is_held_by(lease, instance=self._instance, release=self._release):
            await self._write(state, renewed(lease, lease_config(namespace), at=self._clock.now()))
        elif lease is None or is_emptied:  # by a person
            await self._write_acquired(namespace, state, lease)
        else:
            state.held_until, state.was_lost = 0.0, True
            state.lease, state.observed = {}, observe(None, lease, now=self._clock.monotonic())
            logger.error("The Lease of namespace %s was taken by %s", namespace, holder_of(lease) or "nobody")
            return 0.0
        return RENEW_SECONDS

    async def _write_acquired(self, namespace: str, state: _NamespaceState, lease: Manifest | None) -> None:
        sent_at = self._clock.monotonic()
        wanted = acquired(lease, lease_config(namespace), identity=self._release, at=self._clock.now())
        try:
            await self._write(state, wanted)
        except ApiError as error:
            if not is_namespace_terminating(error):
                raise
            # No other release can acquire it either, and the resources in it wait for their finalizers.
            state.lease, state.observed, state.held_until = {}, None, sent_at + WRITE_DEADLINE_SECONDS

    async def _write(self, state: _NamespaceState, lease: Manifest) -> None:
        sent_at, exists = self._clock.monotonic(), "resourceVersion" in lease["metadata"]
        write = self._client.replace if exists else self._client.create
        state.lease = await write(LEASES, with_instance(lease, instance=self._instance))
        # If the Lease is deleted after it expired here, another release may have held it in between.
        state.observed = ObservedLease(lease=state.lease, since=self._clock.monotonic())
        state.held_until = sent_at + WRITE_DEADLINE_SECONDS

    async def _give_up(self, namespace: str) -> None:
        """Delete the Lease if there are no resources left in the namespace, or else release it."""
        state = self._namespaces[namespace]
        if not self._is_held(state):
            return
        state.held_until = 0.0
        if not state.lease or not self._is_served(namespace):
            return
        lease, state.lease, state.observed = state.lease, {}, None
        try:
            async with self._slots:
                await self._release_lease(namespace, lease)
        except ApiError as error:
            logger.debug("The Lease of namespace %s could not be released: %s", namespace, error)

    async def _release_lease(self, namespace: str, lease: Manifest) -> None:
        if not self._has_resources(namespace):
            await self._client.delete(LEASES, namespace, LEASE_NAME, uid=lease["metadata"]["uid"])
            return
        try:
            await self._client.replace(LEASES, released(lease, lease_config(namespace), at=self._clock.now()))
        except ApiError as error:
            if error.code != HTTPStatus.CONFLICT:
                raise
            # The last renewal succeeded without a response, or somebody has annotated the Lease.
            newest = await self._client.get(LEASES, namespace, LEASE_NAME)
            if newest is not None and is_held_by(newest, instance=self._instance, release=self._release):
                await self._client.replace(LEASES, released(newest, lease_config(namespace), at=self._clock.now()))

    def _log_problem(self, namespace: str, state: _NamespaceState, problem: str) -> None:
        now = self._clock.monotonic()
        if problem != state.problem or now - state.logged_at > LOG_AGAIN_SECONDS:
            logger.error("Nothing is written in %s: %s", namespace, problem)
            state.logged_at = now
        state.problem = problem
