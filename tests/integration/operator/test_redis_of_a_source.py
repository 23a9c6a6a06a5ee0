"""The Redis of a source as people run it, from the resource to the status: its keys' prefix, its private CA."""

from pathlib import Path

import pytest

from tests.integration.operator.control_plane import KubectlError
from tests.integration.operator.situation import NAME, Situation, eventually
from tests.integration.redis_kinds import Cluster, TlsServer, running


def test_a_redis_with_a_private_ca_and_a_prefix(situation: Situation, tmp_path: Path) -> None:
    server = TlsServer(tmp_path)
    with running(server):
        server.client.set(f"{{mine}}:firehose_live:cursor:{situation.host}", "7")
        situation.apply_secret("mine", url=server.url)
        situation.apply_relay(
            redis={"secretRef": {"name": "mine"}, "keyPrefix": "{mine}:"},
            caBundle={"configMapRef": {"name": "private-ca"}},
        )
        environment = eventually(lambda: situation.deployment()["spec"]["template"]["spec"]["containers"][0]["env"])
        assert {"name": "INGESTER_KEY_PREFIX", "value": "{mine}:"} in environment
        assert situation.status().get("firehose", {}).get("cursor") is None  # nobody is trusted yet

        metadata = {"name": "private-ca", "namespace": situation.namespace}
        situation.control_plane.apply(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"ca.crt": server.ca.read_text()}}
        )
        eventually(lambda: situation.status()["firehose"]["cursor"] == "7")


@pytest.mark.parametrize(
    ("prefix", "message"),
    [("{a b}:", "give printable ASCII characters without blanks, such as {sluice}:"), ("x" * 101, "Too long")],
)
def test_a_prefix_that_is_none_is_refused(situation: Situation, prefix: str, message: str) -> None:
    with pytest.raises(KubectlError, match=message):
        situation.kubectl(
            "apply",
            "-f",
            "-",
            stdin={
                "apiVersion": "sluice.dev/v1alpha1",
                "kind": "Relay",
                "metadata": {"name": NAME, "namespace": situation.namespace},
                "spec": {"host": "relay.example", "redis": {"keyPrefix": prefix}},
            },
        )


def test_a_cluster_without_a_hash_tag_is_said_so(situation: Situation, tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    situation.apply_secret("mine", url=cluster.url)
    situation.apply_relay(redis={"secretRef": {"name": "mine"}})

    def told() -> bool:
        conditions = situation.status()["conditions"]
        return any("spec.redis.keyPrefix" in condition["message"] for condition in conditions)

    eventually(told)
