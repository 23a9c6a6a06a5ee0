"""Runs the contract tests of the fake API server against a real one."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from sluice_operator.kubernetes.api_resource import CONFIG_MAPS
from sluice_operator.kubernetes.client import KubernetesClient
from sluice_operator.kubernetes.connection import connect
from tests.fakes.api_server_contract import ApiServerContract, manifest
from tests.integration.operator.control_plane import ADMIN, ControlPlane


@pytest.fixture
def namespace(control_plane: ControlPlane) -> Iterator[str]:
    name = f"test-{secrets.token_hex(3)}"
    control_plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield name
    control_plane.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
async def client(control_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[KubernetesClient]:
    monkeypatch.setenv("KUBECONFIG", str(control_plane.kubeconfig(ADMIN)))
    async with connect() as (client, _):
        yield client


@pytest.fixture
def collect_garbage(client: KubernetesClient, namespace: str) -> Callable[[], Awaitable[None]]:
    """Waits until the garbage collector has handled a new pair of owner and dependent, and so all earlier ones."""

    async def collect() -> None:
        owner = await client.create(CONFIG_MAPS, manifest(CONFIG_MAPS, namespace, "gc-owner"))
        uid = owner["metadata"]["uid"]
        reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "gc-owner", "uid": uid}
        metadata = {"ownerReferences": [reference]}
        await client.create(CONFIG_MAPS, manifest(CONFIG_MAPS, namespace, "gc-child", metadata=metadata))
        await client.delete(CONFIG_MAPS, namespace, "gc-owner", uid=uid)
        async with asyncio.timeout(60):
            while await client.get(CONFIG_MAPS, namespace, "gc-child") is not None:
                await asyncio.sleep(0.1)

    return collect


class TestRealApiServer(ApiServerContract):
    pass
