"""A Redis that requires a client certificate: podTemplate mounts it for the ingester, and the operator uses it too."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from e2e.cluster.certs import Leaf, issue, make_authority
from sluice_operator.desired.naming import REDIS_TLS_HASH_ANNOTATION
from sluice_redis.client import open_client
from sluice_redis.url import RedisUrl
from tests.integration.operator.reconcile_request import wait_handled
from tests.integration.operator.situation import Situation, eventually
from tests.integration.redis_kinds import TlsServer, running

FILES = "ssl_certfile=/etc/redis-client/tls.crt&ssl_keyfile=/etc/redis-client/tls.key"
TEMPLATE: dict[str, Any] = {
    "volumes": [{"name": "redis-client", "secret": {"secretName": "redis-client"}}],
    "volumeMounts": [{"name": "redis-client", "mountPath": "/etc/redis-client", "readOnly": True}],
}
SPEC: dict[str, Any] = {
    "redis": {"secretRef": {"name": "mine"}},
    "caBundle": {"configMapRef": {"name": "private-ca"}},
    "podTemplate": TEMPLATE,
}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[TlsServer]:
    server = TlsServer(tmp_path, **{"tls-auth-clients": "yes"})
    with running(server):
        yield server


def apply_all(situation: Situation, server: TlsServer, *, certificate: str, key: str) -> None:
    server.client.set(situation.keys.cursor, "7")
    situation.apply_secret("redis-client", **{"tls.crt": certificate, "tls.key": key})
    situation.apply_secret("mine", url=f"{server.url}?{FILES}")
    metadata = {"name": "private-ca", "namespace": situation.namespace}
    data = {"ca.crt": server.ca.read_text()}
    situation.control_plane.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
    situation.apply_relay(**SPEC)


def test_the_operator_uses_the_certificate_and_its_renewal(situation: Situation, server: TlsServer) -> None:
    apply_all(situation, server, certificate=server.client_cert.read_text(), key=server.client_key.read_text())
    eventually(lambda: situation.status()["firehose"]["cursor"] == "7")
    template = situation.template()
    mounts = template["spec"]["containers"][0]["volumeMounts"]
    assert {"name": "redis-client", "mountPath": "/etc/redis-client", "readOnly": True} in mounts
    before = template["metadata"]["annotations"][REDIS_TLS_HASH_ANNOTATION]

    # A certificate of another CA: the server does not trust it.
    certificate, key = issue(make_authority(), Leaf(file="stranger", user="stranger"))
    situation.apply_secret(
        "redis-client",
        **{
            "tls.crt": certificate.public_bytes(Encoding.PEM).decode(),
            "tls.key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        },
    )
    eventually(lambda: situation.template()["metadata"]["annotations"][REDIS_TLS_HASH_ANNOTATION] != before)
    situation.wait_condition("SinkWritable", "False", "SinkUnreachable")
    situation.apply_secret(
        "redis-client", **{"tls.crt": server.client_cert.read_text(), "tls.key": server.client_key.read_text()}
    )
    eventually(lambda: situation.template()["metadata"]["annotations"][REDIS_TLS_HASH_ANNOTATION] == before)
    situation.wait_condition("SinkWritable", "True", "SinkReachable")

    situation.delete("Secret", "redis-client")
    wait_handled(situation, "gone")
    assert situation.template()["metadata"]["annotations"][REDIS_TLS_HASH_ANNOTATION] == before
    assert situation.condition("SinkWritable") == ("True", "SinkReachable")


def test_files_that_the_operator_can_not_read_are_reported(situation: Situation, server: TlsServer) -> None:
    situation.apply_secret("mine", url=f"{server.url}?{FILES}")
    situation.apply_relay(**{**SPEC, "podTemplate": {}})
    situation.wait_condition("SinkWritable", "False", "SinkUnreachable")
    message = next(item["message"] for item in situation.status()["conditions"] if item["type"] == "SinkWritable")
    assert "spec.podTemplate" in message


async def test_the_ingesters_client_uses_the_certificate(server: TlsServer) -> None:
    files = f"ssl_certfile={server.client_cert}&ssl_keyfile={server.client_key}"
    client = open_client(RedisUrl.parse(f"{server.url}?{files}"), ca_file=str(server.ca))
    assert await client.ping()
    await client.aclose()


def test_the_cursor_is_deleted_with_the_certificate(situation: Situation, server: TlsServer) -> None:
    apply_all(situation, server, certificate=server.client_cert.read_text(), key=server.client_key.read_text())
    eventually(lambda: situation.status()["firehose"]["cursor"] == "7")
    situation.apply_relay(**SPEC, deletionPolicy="DeleteCursor")
    eventually(lambda: situation.relay()["metadata"].get("finalizers"))
    situation.kubectl("delete", "relay", "us-east", "--timeout=60s")
    assert server.client.get(situation.keys.cursor) is None
