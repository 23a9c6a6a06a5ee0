"""The part of the player that is the nodes: it reports each new pod Running and Ready, and removes deleted ones."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

from bench.operator_scale.api import INGESTER_PODS, MERGE, PODS, Api, Change, Manifest, RequestError, path_in
from bench.operator_scale.ingesters import Ingesters
from sluice_redis.hosts import normalize_host
from sluice_redis.ingester_settings import LABELER_HOSTS

_CONDITIONS: Final = ("PodScheduled", "Initialized", "ContainersReady", "Ready")


class Kubelets:
    """The nodes of the cluster."""

    def __init__(self, api: Api, ingesters: Ingesters) -> None:
        self._api = api
        self._ingesters = ingesters
        self._seen: set[str] = set()
        self._removed: set[str] = set()
        self._running: dict[str, Manifest] = {}  # by the name of the pod
        self._restarts: dict[str, int] = {}
        self.listed = asyncio.Event()

    async def run(self) -> None:
        """Watch pods, until cancelled."""
        async with asyncio.TaskGroup() as group:
            async for change in self._api.watch(PODS, selector=INGESTER_PODS, listed=self.listed):
                if step := self._step(change):
                    group.create_task(step)

    async def restart(self, host: str) -> None:
        """End the container of the ingester's pod with an error, and start it again."""
        pod = self._running[self._ingesters.pod_of(host)]
        name = pod["metadata"]["name"]
        self._restarts[name] = self._restarts.get(name, 0) + 1
        await self._report(pod, restarts=self._restarts[name])
        await self._ingesters.start(host, name)

    def _step(self, change: Change) -> Coroutine[Any, Any, None] | None:
        """What to do about a change, if anything."""
        metadata = change.object["metadata"]
        uid, name = metadata["uid"], metadata["name"]
        if change.type == "DELETED":
            self._running.pop(name, None)
            self._ingesters.stop(_host(change.object), name)
        elif "deletionTimestamp" in metadata:
            if uid not in self._removed:
                self._removed.add(uid)
                return self._remove(change.object)
        elif uid not in self._seen:
            self._seen.add(uid)
            return self._start(change.object)
        return None

    async def _start(self, pod: Manifest) -> None:
        name = pod["metadata"]["name"]
        self._running[name] = pod
        # A pod is Ready after its ingester has reported that it streams.
        await self._ingesters.start(_host(pod), name)
        with suppress(RequestError):  # the pod is gone already
            await self._report(pod, restarts=0)

    async def _remove(self, pod: Manifest) -> None:
        metadata = pod["metadata"]
        self._ingesters.stop(_host(pod), metadata["name"])
        body = {"gracePeriodSeconds": 0, "preconditions": {"uid": metadata["uid"]}}
        try:
            await self._api.request("DELETE", path_in(PODS, metadata["namespace"], metadata["name"]), body)
        except RequestError as error:
            if error.code not in {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT}:
                raise

    async def _report(self, pod: Manifest, *, restarts: int) -> None:
        metadata, now = pod["metadata"], datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        ended = {"reason": "Error", "exitCode": 1, "startedAt": now, "finishedAt": now}
        container = {
            "name": pod["spec"]["containers"][0]["name"],
            "image": pod["spec"]["containers"][0]["image"],
            "imageID": "",
            "ready": True,
            "restartCount": restarts,
            "state": {"running": {"startedAt": now}},
            "lastState": {"terminated": ended} if restarts else {},
        }
        conditions = [{"type": one, "status": "True", "lastTransitionTime": now} for one in _CONDITIONS]
        status = {"phase": "Running", "startTime": now, "conditions": conditions, "containerStatuses": [container]}
        path = path_in(PODS, metadata["namespace"], metadata["name"], "status")
        await self._api.request("PATCH", path, {"status": status}, content_type=MERGE)


def _host(pod: Manifest) -> str:
    """The HOST of the source that the ingester in the pod reads."""
    env = pod["spec"]["containers"][0]["env"]
    return next(normalize_host(one["value"]) for one in env if one["name"] == LABELER_HOSTS.variable)
