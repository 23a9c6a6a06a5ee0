"""wss:// and rediss:// with a private CA."""

from collections.abc import Callable
from pathlib import Path

import pytest
from redis.asyncio import Redis

from e2e.relaysim.sim import RelaySim
from tests.integration.ingester.certificate import make_certificate
from tests.integration.ingester.process import Ingester
from tests.integration.ingester.stored import expected_events, health, stored_events, until_cursor, until_state
from tests.integration.ports import free_port
from tests.integration.redis_server import RedisServer


@pytest.mark.parametrize("variable", ["INGESTER_CA_BUNDLE", "SSL_CERT_FILE"])
async def test_a_source_with_a_private_ca(
    redis_server: RedisServer, client: Redis, tmp_path: Path, variable: str
) -> None:
    certificate = make_certificate(tmp_path)
    async with (
        RelaySim(rate=0, limit=200, tls=certificate.context) as sim,
        Ingester(tmp_path, redis_server.url, sim.host, **{variable: str(certificate.chain)}),
    ):
        await until_cursor(client, sim.host, sim.options.first_seq + 199)
        assert await stored_events(client) == expected_events(sim.journal)


async def test_an_untrusted_source(redis_server: RedisServer, client: Redis, tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    async with (
        RelaySim(rate=0, limit=200, tls=certificate.context) as sim,
        Ingester(tmp_path, redis_server.url, sim.url),
    ):
        await until_state(client, sim.host, "waiting", "TlsFailed")
        assert "INGESTER_CA_BUNDLE" in (await health(client, sim.host))["message"]


@pytest.mark.parametrize("variable", ["INGESTER_CA_BUNDLE", "SSL_CERT_FILE"])
async def test_a_redis_with_a_private_ca(own_redis: Callable[..., RedisServer], tmp_path: Path, variable: str) -> None:
    certificate = make_certificate(tmp_path)
    port = free_port()
    server = own_redis(
        tls_port=str(port),
        tls_cert_file=str(certificate.chain),
        tls_key_file=str(certificate.key),
        tls_ca_cert_file=str(certificate.chain),
        tls_auth_clients="no",
    )
    async with (
        server.connect() as client,
        RelaySim(rate=0, limit=200) as sim,
        Ingester(tmp_path, f"rediss://127.0.0.1:{port}", sim.url, **{variable: str(certificate.chain)}),
    ):
        await until_cursor(client, sim.host, sim.options.first_seq + 199)
        assert await stored_events(client) == expected_events(sim.journal)
