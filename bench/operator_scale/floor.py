"""The floor, as a process: it makes the writes of the operator with the operator's client, and decides nothing.

    KUBECONFIG=... python -m bench.operator_scale.floor URL TOKEN TEMPLATE_FILE COUNT CONCURRENCY

For each Labeler that a user applies it writes the children, all statuses but the last, and the Events. It writes the
last status when a pod of the Labeler runs. It prints `ready`, and in the end its CPU time in seconds.
"""

import asyncio
import sys
import time
from pathlib import Path
from typing import Final

from bench.operator_scale.api import INGESTER_PODS, LABELERS, PODS, Api, Manifest
from bench.operator_scale.template import Template
from sluice_operator.kubernetes.api_resource import EVENTS, ApiResource
from sluice_operator.kubernetes.client import KubernetesClient
from sluice_operator.kubernetes.connection import connect

_OWNER_LABEL: Final = "sluice.dev/labeler"
_LABELERS: Final = ApiResource(api_version="sluice.dev/v1alpha1", kind="Labeler", plural="labelers")


class Floor:
    """The writes of all resources."""

    def __init__(self, client: KubernetesClient, api: Api, template: Template, *, concurrency: int) -> None:
        self._client = client
        self._api = api
        self._template = template
        self._slots = asyncio.Semaphore(concurrency)
        self._running: dict[tuple[str, str], asyncio.Event] = {}
        self._seen: set[str] = set()
        self.labelers_listed, self.pods_listed = asyncio.Event(), asyncio.Event()

    async def watch_pods(self) -> None:
        """Note which Labelers have a running pod, until cancelled."""
        async for change in self._api.watch(PODS, selector=INGESTER_PODS, listed=self.pods_listed):
            metadata = change.object["metadata"]
            if change.object["status"].get("phase") == "Running":
                self._runs(metadata["namespace"], metadata["labels"][_OWNER_LABEL]).set()

    async def write_all(self, count: int) -> None:
        """Do the writes for so many Labelers."""
        async with asyncio.TaskGroup() as group:
            async for change in self._api.watch(LABELERS, listed=self.labelers_listed):
                metadata = change.object["metadata"]
                if metadata["uid"] not in self._seen:
                    self._seen.add(metadata["uid"])
                    group.create_task(self._write(metadata["namespace"], metadata["name"], metadata["uid"]))
                    if len(self._seen) == count:
                        break

    async def _write(self, namespace: str, name: str, uid: str) -> None:
        async with self._slots:
            own = self._template.for_resource(namespace, name, uid)
            for child in own.children:
                api = ApiResource(
                    api_version=child.manifest["apiVersion"], kind=child.manifest["kind"], plural=child.plural
                )
                await self._client.apply(api, child.manifest, manager=child.manager)
            for event in own.events:
                await self._client.create(EVENTS, event)
            for status in own.statuses[:-1]:
                await self._write_status(own, status)
        if own.has_pod:
            await self._runs(namespace, name).wait()
        async with self._slots:
            await self._write_status(own, own.statuses[-1])

    async def _write_status(self, own: Template, status: Manifest) -> None:
        manifest = {
            "apiVersion": _LABELERS.api_version,
            "kind": _LABELERS.kind,
            "metadata": {"name": own.name, "namespace": own.namespace, "uid": own.uid},
            "status": status,
        }
        await self._client.apply(_LABELERS, manifest, manager=own.status_manager, subresource="status")

    def _runs(self, namespace: str, name: str) -> asyncio.Event:
        return self._running.setdefault((namespace, name), asyncio.Event())


async def main() -> None:
    """Write, and report."""
    url, token, file, count, concurrency = sys.argv[1:]
    template = Template.load(Path(file).read_text())
    async with connect() as (client, _), Api(url, token) as api:
        floor = Floor(client, api, template, concurrency=int(concurrency))
        pods = asyncio.create_task(floor.watch_pods())
        writes = asyncio.create_task(floor.write_all(int(count)))
        await asyncio.gather(floor.labelers_listed.wait(), floor.pods_listed.wait())
        cpu = time.process_time()
        print("ready", flush=True)
        await writes
        print(time.process_time() - cpu, flush=True)
        pods.cancel()
        await asyncio.gather(pods, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(main())
