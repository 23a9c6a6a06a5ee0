"""The Redis settings of a source, from the resource to the status: key prefix, private CA, URL."""

import base64
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
        assert situation.status().get("firehose", {}).get("cursor") is None  # no CA is trusted yet

        metadata = {"name": "private-ca", "namespace": situation.namespace}
        situation.control_plane.apply(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"ca.crt": server.ca.read_text()}}
        )
        eventually(lambda: situation.status()["firehose"]["cursor"] == "7")


@pytest.mark.parametrize(
    ("prefix", "message"),
    [("{a b}:", "give printable ASCII characters without blanks, such as {sluice}:"), ("x" * 101, "Too long")],
)
def test_an_invalid_prefix_is_refused(situation: Situation, prefix: str, message: str) -> None:
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


def test_a_cluster_without_a_hash_tag_is_reported(situation: Situation, tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    situation.apply_secret("mine", url=cluster.url)
    situation.apply_relay(redis={"secretRef": {"name": "mine"}})

    def is_reported() -> bool:
        conditions = situation.status()["conditions"]
        return any("spec.redis.keyPrefix" in condition["message"] for condition in conditions)

    eventually(is_reported)


SHAPES = {
    "quoted": ('"{}"', "it stands in quotes: remove them"),
    "mark": ("\ufeff{}", "it begins with a byte order mark"),
    "twice": ("", "it is base64 of a URL: encode it once"),
    "schemeless": ("redis:6379", "it has no scheme: put redis:// in front"),
    "named": ("REDIS_URL={}", "it begins with the name of a variable"),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_an_unusable_url_starts_no_pod(situation: Situation, shape: str) -> None:
    """The message names Secret, key and fault, without the password. After a correction the pod is created."""
    form, words = SHAPES[shape]
    url = f"redis://:s3cret@127.0.0.1:{situation.sink.port}/0"
    bad = form.format(url) if form else base64.b64encode(url.encode()).decode()
    situation.apply_secret("mine", url=bad)
    situation.apply_relay(redis={"secretRef": {"name": "mine"}}, health={"stalledAfterSeconds": 2})

    def conditions() -> dict[str, dict[str, str]]:
        return {one["type"]: one for one in situation.status()["conditions"]}

    eventually(lambda: conditions()["Stalled"]["status"] == "True")
    found = conditions()
    for kind in ("Stalled", "SinkWritable"):
        assert found[kind]["reason"] == "SinkUrlInvalid"
        assert "The key url of the Secret mine is not a usable Redis URL" in found[kind]["message"]
        assert words in found[kind]["message"]
    assert "s3cret" not in str(found)
    assert situation.names("Deployment") == []
    situation.apply_secret("mine", url=f"  {url}\r\n")
    eventually(situation.deployment)
    eventually(lambda: "Stalled" not in conditions() or conditions()["Stalled"]["status"] == "False")


def test_a_url_that_becomes_unusable_does_not_change_a_running_pod(situation: Situation) -> None:
    url = f"redis://:s3cret@127.0.0.1:{situation.sink.port}/0"
    situation.apply_secret("mine", url=url)
    situation.apply_relay(redis={"secretRef": {"name": "mine"}})
    before = eventually(situation.deployment)
    situation.apply_secret("mine", url=f'"{url}"')

    def is_reported() -> bool:
        return any(one["reason"] == "SinkUrlInvalid" for one in situation.status()["conditions"])

    eventually(is_reported)
    after = situation.deployment()
    assert after["metadata"]["generation"] == before["metadata"]["generation"]
