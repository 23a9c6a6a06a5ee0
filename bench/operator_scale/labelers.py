"""The resources of a measurement, and the user who applies them."""

import asyncio
import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from bench.operator_scale.api import APPLY, LABELERS, MERGE, Api, Manifest, path_in

USER: Final = "?fieldManager=user&force=true"


@dataclass(frozen=True, slots=True)
class Labeler:
    """The identity of one resource."""

    namespace: str
    name: str

    @property
    def host(self) -> str:
        """The HOST of its source, which no other resource of the cluster has."""
        return f"{self.name}.example"

    @property
    def path(self) -> str:
        """Its path in the API."""
        return path_in(LABELERS, self.namespace, self.name)

    def manifest(self, *, suspended: bool) -> Manifest:
        """What the user applies."""
        return {
            "apiVersion": "sluice.dev/v1alpha1",
            "kind": "Labeler",
            "metadata": {"name": self.name, "namespace": self.namespace},
            "spec": {"host": f"ws://{self.host}", **({"suspend": True} if suspended else {})},
        }


def labelers(count: int, *, namespaces: int) -> list[Labeler]:
    """So many resources, spread evenly over the namespaces."""
    return [Labeler(f"bench-{number % namespaces}", f"l{number:05d}") for number in range(count)]


async def create_namespaces(api: Api, resources: Sequence[Labeler]) -> None:
    """Create the namespaces of the resources."""
    for name in sorted({one.namespace for one in resources}):
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        await api.request("PATCH", f"/api/v1/namespaces/{name}{USER}", manifest, content_type=APPLY)


async def apply_all(api: Api, resources: Sequence[Labeler], *, suspended: bool, connections: int) -> float:
    """Apply all, over so many connections at a time. Returns the seconds that this took."""
    began, remaining = time.monotonic(), iter(resources)

    async def apply_some(mine: Iterator[Labeler]) -> None:
        for one in mine:
            await api.request("PATCH", one.path + USER, one.manifest(suspended=suspended), content_type=APPLY)

    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(apply_some(remaining))
    return time.monotonic() - began


_batch_sizes: Final = itertools.count(501)


async def edit(api: Api, resource: Labeler) -> int:
    """Change the spec of a resource, so that its pod must be replaced. Returns the new generation."""
    patch = {"spec": {"batch": {"size": next(_batch_sizes)}}}
    written = await api.request("PATCH", resource.path + "?fieldManager=user", patch, content_type=MERGE)
    return int(written["metadata"]["generation"])
