"""One kopf engine for one kind of object, so that the end of its watch does not end the others.

kopf ends an engine when one of its watches fails, for example because the CRD was deleted. It looks for kinds only when
an engine starts, and replaces the signal handlers each time.
"""

import asyncio
import time
from collections.abc import Callable, Collection
from typing import Any, Final, TypeAlias

import kopf
from kopf._cogs.structs.references import Insights, NamespaceName

from sluice_operator.kubernetes.api_resource import ApiResource
from sluice_operator.kubernetes.informers.kopf_storages import NoMemories

Task: TypeAlias = asyncio.Task[Any]
Scopes: TypeAlias = tuple[str | None, ...]
"""Namespaces, or the whole cluster (None)."""

_STOP_TIMEOUT_SECONDS: Final = 3.0
_STEADY_SECONDS: Final = 3.0
"""A watch that has run for this long counts as started."""

IDENTITY: Final[Any] = "sluice-operator"
"""For peering, which is not used. Without it kopf asks for the user's name, and a container's user has none."""


class KindNotDiscoveredError(Exception):
    """The API server does not list the kind at this moment, so the engine would watch nothing."""


class KopfEngine:
    """Watches one kind in given namespaces."""

    def __init__(
        self,
        *,
        api: ApiResource,
        registry: kopf.OperatorRegistry,
        settings: kopf.OperatorSettings,
        foreign_tasks: Collection[Task],
        on_started: Callable[[], None],
    ) -> None:
        """kopf does not cancel `foreign_tasks`. `on_started` is called after each start."""
        self.api = api
        self._registry = registry
        self._settings = settings
        self._foreign_tasks = foreign_tasks
        self._on_started = on_started
        self._insights = Insights()
        self._scopes: Scopes = ()
        self._tasks: Collection[Task] = ()
        self._run_task: Task | None = None
        self._started_at = 0.0

    async def ensure_watching(self, scopes: Scopes) -> bool:
        """Watch in these scopes and in no others. To be called again and again.

        Returns whether the watch has run for some seconds. Raises what has ended it.
        """
        if not scopes:
            await self.stop()
            return False
        if self._run_task is None:
            await self._start(scopes)
        # When one of its tasks has failed, the engine may wait for the others for ever. So each is checked.
        for task in (*self._tasks, self._run_task):
            if task is not None and task.done():
                task.result()
                raise RuntimeError("the watch has ended by itself")
        if not self._insights.ready_resources.is_set():
            return False
        if not self._insights.watched_resources:
            raise KindNotDiscoveredError(
                f"the API server does not list {self.api.plural} among the kinds that it serves"
            )
        if scopes != self._scopes and self._insights.ready_namespaces.is_set():
            await self._change_scopes(scopes)
        return time.monotonic() - self._started_at >= _STEADY_SECONDS

    async def stop(self) -> None:
        """End the watch, if it runs."""
        if self._run_task is None:
            return
        self._run_task.cancel()
        await asyncio.wait([self._run_task], timeout=_STOP_TIMEOUT_SECONDS)
        for task in (*self._tasks, self._run_task):
            if task.done() and not task.cancelled():
                task.exception()  # read, or asyncio would log it
        self._run_task, self._tasks, self._scopes = None, (), ()

    async def _start(self, scopes: Scopes) -> None:
        self._insights = Insights()
        self._tasks = await kopf.spawn_tasks(
            registry=self._registry,
            settings=self._settings,
            standalone=True,
            identity=IDENTITY,
            memories=NoMemories(),
            insights=self._insights,
            clusterwide=None in scopes,
            namespaces=[scope for scope in scopes if scope is not None],
        )
        self._on_started()
        self._started_at = time.monotonic()
        self._run_task = asyncio.create_task(kopf.run_tasks(self._tasks, ignored=self._foreign_tasks), name="kopf")
        self._scopes = scopes

    async def _change_scopes(self, scopes: Scopes) -> None:
        """Watch in other scopes. kopf would do that by itself if it had the right to list all namespaces."""
        async with self._insights.revised:
            self._insights.namespaces.clear()
            self._insights.namespaces.update(None if scope is None else NamespaceName(scope) for scope in scopes)
            self._insights.revised.notify_all()
        self._scopes = scopes
