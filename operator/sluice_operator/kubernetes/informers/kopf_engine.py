"""One engine of kopf for one kind of object, so that the end of its watch is not the end of the others.

kopf ends a whole engine when one of its watches can't go on, as when the CRD of its kind is deleted. It looks for kinds
only at the start, and takes signals for itself each time.
"""

import asyncio
import time
from collections.abc import Callable, Collection
from typing import Any, Final, TypeAlias

import kopf
from kopf._cogs.structs.references import Insights, NamespaceName

from sluice_operator.kubernetes.client import Api

Task: TypeAlias = asyncio.Task[Any]
Scopes: TypeAlias = tuple[str | None, ...]
"""Namespaces, or the whole cluster (None)."""

_END_SECONDS: Final = 3.0
_STEADY_SECONDS: Final = 3.0
"""A watch that goes on for so long has begun well."""

IDENTITY: Final[Any] = "sluice-operator"
"""For peers, of which there are none: without it kopf asks for the user's name, and a container's has none."""


class UndiscoveredError(Exception):
    """The API server does not name the kind at this moment, so the engine would watch nothing."""


class Engine:
    """Watches one kind, where it is told to."""

    def __init__(
        self,
        *,
        api: Api,
        registry: kopf.OperatorRegistry,
        settings: kopf.OperatorSettings,
        spared: Collection[Task],
        started: Callable[[], None],
    ) -> None:
        """`spared` are the tasks that are none of the engine's; `started` is called after each start."""
        self.api = api
        self._registry = registry
        self._settings = settings
        self._spared = spared
        self._started = started
        self._insights = Insights()
        self._scopes: Scopes = ()
        self._parts: Collection[Task] = ()
        self._run: Task | None = None
        self._began = 0.0

    async def follow(self, scopes: Scopes) -> bool:
        """Watch in these scopes and in no other. Whether the watch goes on steadily. Raises what has ended it."""
        if not scopes:
            await self.stop()
            return False
        if self._run is None:
            await self._start(scopes)
        # The engine itself may wait for ever for its parts to end, when one of them has failed.
        for task in (*self._parts, self._run):
            if task is not None and task.done():
                task.result()
                raise RuntimeError("the watch has ended, and nobody asked it to")
        if not self._insights.ready_resources.is_set():
            return False
        if not self._insights.watched_resources:
            raise UndiscoveredError(f"the API server does not name {self.api.plural} among what it serves")
        if scopes != self._scopes and self._insights.ready_namespaces.is_set():
            await self._move(scopes)
        return time.monotonic() - self._began >= _STEADY_SECONDS

    async def stop(self) -> None:
        """End the watch, if it runs."""
        if self._run is None:
            return
        self._run.cancel()
        await asyncio.wait([self._run], timeout=_END_SECONDS)
        for task in (*self._parts, self._run):
            if task.done() and not task.cancelled():
                task.exception()  # it was told, or is of no interest any more
        self._run, self._parts, self._scopes = None, (), ()

    async def _start(self, scopes: Scopes) -> None:
        self._insights = Insights()
        self._parts = await kopf.spawn_tasks(
            registry=self._registry,
            settings=self._settings,
            standalone=True,
            identity=IDENTITY,
            insights=self._insights,
            clusterwide=None in scopes,
            namespaces=[scope for scope in scopes if scope is not None],
        )
        self._started()
        self._began = time.monotonic()
        self._run = asyncio.create_task(kopf.run_tasks(self._parts, ignored=self._spared), name="kopf")
        self._scopes = scopes

    async def _move(self, scopes: Scopes) -> None:
        """Watch elsewhere. kopf would do so by itself if it might list all namespaces."""
        async with self._insights.revised:
            self._insights.namespaces.clear()
            self._insights.namespaces.update(None if scope is None else NamespaceName(scope) for scope in scopes)
            self._insights.revised.notify_all()
        self._scopes = scopes
