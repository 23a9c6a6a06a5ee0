"""The fake API server meets the contract of API servers."""

from collections.abc import Awaitable, Callable

import pytest

from sluice_operator.kubernetes.client import KubernetesClient
from tests.fakes.api_server import FakeApiServer
from tests.fakes.api_server_contract import ApiServerContract


@pytest.fixture
def server() -> FakeApiServer:
    return FakeApiServer()


class TestFakeApiServer(ApiServerContract):
    @pytest.fixture
    def client(self, server: FakeApiServer) -> KubernetesClient:
        return server.client

    @pytest.fixture
    def namespace(self) -> str:
        return "test"

    @pytest.fixture
    def collect_garbage(self, server: FakeApiServer) -> Callable[[], Awaitable[None]]:
        async def collect() -> None:
            server.objects.collect_garbage()

        return collect
