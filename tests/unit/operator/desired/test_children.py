"""The Deployments and Secrets of a Relay: what changes them, and which live objects belong to it."""

import base64
from typing import Any

import pytest

from sluice_operator.api.relay import Relay
from sluice_operator.desired.child_metadata import (
    Manifest,
    belongs_to,
    is_controlled_by,
    is_owned_by_former_source,
    member_reference,
)
from sluice_operator.desired.deployment import build_deployment
from sluice_operator.desired.ingester_defaults import IngesterDefaults
from sluice_operator.desired.naming import DESIRED_HASH_ANNOTATION, REDIS_HASH_ANNOTATION
from sluice_operator.desired.redis_secret import build_default_redis_secret, redis_secret, redis_url_hash
from sluice_operator.desired.relay_streams import BACKFILL, FIREHOSE, firehose_stream
from sluice_operator.kinds.relay import RELAY

SETTINGS = IngesterDefaults(image="sluice:1")


def relay(name: str = "us-east", **spec: Any) -> Relay:
    metadata = {"name": name, "namespace": "events", "uid": "u-1"}
    return Relay.parse({"metadata": metadata, "spec": {"host": "relay.example.com", **spec}})


def build(source: Relay, *, url: bytes = b"redis://one", settings: IngesterDefaults = SETTINGS) -> Manifest:
    return build_deployment(
        source, firehose_stream(source), config_hashes={REDIS_HASH_ANNOTATION: redis_url_hash(url)}, defaults=settings
    )


def container(manifest: Manifest) -> dict[str, Any]:
    containers = manifest["spec"]["template"]["spec"]["containers"]
    assert len(containers) == 1
    result: dict[str, Any] = containers[0]
    return result


def env(manifest: Manifest) -> dict[str, str]:
    return {item["name"]: item["value"] for item in container(manifest)["env"] if "value" in item}


def desired_hash(manifest: Manifest) -> str:
    result: str = manifest["metadata"]["annotations"][DESIRED_HASH_ANNOTATION]
    return result


@pytest.mark.parametrize(
    ("spec", "replicas"),
    [
        ({}, 1),
        ({"suspend": True}, 0),
        ({"firehose": {"enabled": False}}, 0),
        ({"suspend": True, "firehose": {"enabled": False}}, 0),
    ],
)
def test_replicas_follow_suspend_and_enabled(spec: dict[str, Any], replicas: int) -> None:
    assert build(relay(**spec))["spec"]["replicas"] == replicas


def test_the_spec_becomes_environment_variables() -> None:
    variables = env(
        build(
            relay(
                host="ws://relay.example.com:8080",
                firehose={"startFrom": 6_322_875_401, "collections": ["app.bsky.feed.post", "chat.bsky.*"]},
                batch={"size": 100, "timeoutMilliseconds": 250},
                backpressure={"highWaterMark": 5000},
            )
        )
    )
    assert variables == {
        "INGESTER_MODE": "firehose",
        "INGESTER_RELAY_HOSTS": "ws://relay.example.com:8080",
        "INGESTER_COLLECTIONS": "app.bsky.feed.post,chat.bsky.*",
        "INGESTER_START_FROM": "6322875401",
        "INGESTER_HIGH_WATER_MARK": "5000",
        "INGESTER_BATCH_SIZE": "100",
        "INGESTER_BATCH_TIMEOUT_MS": "250",
        "METRICS_PORT": "4100",
    }


def test_a_backfill_has_a_deployment_of_its_own() -> None:
    one = relay(host="relay.example.com", backfill={"enabled": True})
    streams = {stream.component: stream for stream in RELAY.desired_streams(one)}
    assert set(streams) == {FIREHOSE, BACKFILL}
    built = build_deployment(
        one,
        streams[BACKFILL],
        config_hashes={REDIS_HASH_ANNOTATION: "x"},
        defaults=IngesterDefaults(image="i"),
    )
    assert built["metadata"]["name"] == "us-east-backfill"
    assert built["spec"]["replicas"] == 1
    assert (
        env(built).items()
        >= {
            "INGESTER_MODE": "backfill",
            "INGESTER_RELAY_HOSTS": "relay.example.com",
            "INGESTER_ON_PAGE_ERROR": "retry",
            "INGESTER_BACKFILL_RESCAN_SECONDS": "0",
        }.items()
    )


def test_without_a_backfill_there_is_only_the_firehose() -> None:
    assert [stream.component for stream in RELAY.desired_streams(relay())] == [FIREHOSE]


def test_the_image_of_the_resource_wins_over_the_operators() -> None:
    assert container(build(relay()))["image"] == "sluice:1"
    assert container(build(relay(image="mine:2")))["image"] == "mine:2"


def test_the_pull_policy_of_the_resource_wins_over_the_operators() -> None:
    always = IngesterDefaults(image="sluice:1", image_pull_policy="Always")
    assert "imagePullPolicy" not in container(build(relay()))
    assert container(build(relay(), settings=always))["imagePullPolicy"] == "Always"
    assert container(build(relay(imagePullPolicy="Never"), settings=always))["imagePullPolicy"] == "Never"


def test_another_redis_url_changes_the_pod_template() -> None:
    one, two = build(relay()), build(relay(), url=b"redis://two")
    assert one["spec"]["template"] != two["spec"]["template"]
    assert desired_hash(one) != desired_hash(two)


def test_no_deployment_contains_the_redis_url() -> None:
    settings = IngesterDefaults(image="sluice:1", default_redis_url="redis://:hunter2@redis")
    assert "hunter2" not in str(build(relay(), url=b"redis://:hunter2@redis", settings=settings))
    assert "hunter2" not in repr(settings)


def test_the_same_resource_makes_the_same_deployment() -> None:
    assert build(relay()) == build(relay())


def test_a_removed_field_changes_the_desired_hash() -> None:
    bundle = {"configMapRef": {"name": "ca"}}
    assert desired_hash(build(relay(caBundle=bundle))) != desired_hash(build(relay()))


def test_a_ca_bundle_is_mounted_and_its_path_is_a_variable() -> None:
    built = build(relay(caBundle={"configMapRef": {"name": "private", "key": "root.pem"}}))
    mount = container(built)["volumeMounts"][0]
    volume = built["spec"]["template"]["spec"]["volumes"][0]
    assert mount["name"] == volume["name"]
    assert mount["readOnly"] is True
    assert volume["configMap"]["name"] == "private"
    item = volume["configMap"]["items"][0]
    assert item["key"] == "root.pem"
    assert env(built)["SSL_CERT_FILE"] == f"{mount['mountPath']}/{item['path']}"


def test_the_redis_secret_of_the_resource_or_of_the_operator() -> None:
    own = redis_secret(relay())
    assert (own.name, own.key, own.owned) == ("sluice-redis-url", "url", True)
    other = redis_secret(relay(redis={"secretRef": {"name": "events", "key": "dsn"}}))
    assert (other.name, other.key, other.owned) == ("events", "dsn", False)
    built = build(relay(redis={"secretRef": {"name": "events", "key": "dsn"}}))
    references = [item["valueFrom"] for item in container(built)["env"] if item["name"] == "REDIS_URL"]
    assert references == [{"secretKeyRef": {"name": "events", "key": "dsn"}}]


def test_the_secret_holds_the_url() -> None:
    secret = build_default_redis_secret("events", url="redis://:pä@redis", owners=[member_reference(relay())])
    assert base64.b64decode(secret["data"]["url"]).decode() == "redis://:pä@redis"
    assert secret["metadata"]["name"] == redis_secret(relay()).name
    assert not any(owner.get("controller") for owner in secret["metadata"]["ownerReferences"])


def test_labels_and_annotations_of_the_owner_are_not_copied() -> None:
    metadata = {
        "name": "us-east",
        "namespace": "events",
        "uid": "u-1",
        "labels": {"argocd.argoproj.io/instance": "app"},
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
    }
    labelled = Relay.parse({"metadata": metadata, "spec": {"host": "relay.example.com"}})
    assert build(labelled) == build(relay())


@pytest.mark.parametrize(
    ("owners", "labels", "expected"),
    [
        ([{"uid": "u-1", "controller": True}], {}, True),
        ([{"uid": "u-2", "controller": True}], {"sluice.dev/relay": "us-east"}, False),
        ([], {"sluice.dev/relay": "us-east"}, True),  # somebody removed the owner reference
        ([{"uid": "u-2"}], {"sluice.dev/relay": "us-east"}, True),
        ([], {"sluice.dev/labeler": "us-east"}, False),
        ([], {"app.kubernetes.io/managed-by": "sluice-operator"}, False),
        ([], {}, False),
    ],
)
def test_which_live_objects_belong_to_a_source(*, owners: list[Any], labels: dict[str, str], expected: bool) -> None:
    live = {"metadata": {"ownerReferences": owners, "labels": labels}}
    assert belongs_to(live, kind="Relay", name="us-east", uid="u-1") is expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"apiVersion": "sluice.dev/v1"}, True),
        ({"uid": "u-1"}, False),
        ({"name": "eu-west"}, False),
        ({"kind": "Labeler"}, False),
        ({"apiVersion": "example.com/v1"}, False),
        ({"controller": False}, False),
    ],
)
def test_which_objects_a_former_source_of_the_same_name_owns(*, changes: dict[str, Any], expected: bool) -> None:
    owner = build(relay())["metadata"]["ownerReferences"][0]
    live = {"metadata": {"ownerReferences": [{**owner, "uid": "u-0", **changes}]}}
    assert is_owned_by_former_source(live, kind="Relay", name="us-east", uid="u-1") is expected
    assert not is_owned_by_former_source({"metadata": {}}, kind="Relay", name="us-east", uid="u-1")


def test_only_an_object_with_the_uid_of_the_source_is_controlled_by_it() -> None:
    child = build(relay())
    assert is_controlled_by(child, relay())
    recreated = Relay.parse(
        {"metadata": {"name": "us-east", "namespace": "events", "uid": "u-2"}, "spec": {"host": "x"}}
    )
    assert not is_controlled_by(child, recreated)
    assert not is_controlled_by({"metadata": {"name": "us-east-firehose"}}, relay())
    owner = {**child["metadata"]["ownerReferences"][0], "controller": False}
    assert not is_controlled_by({"metadata": {"ownerReferences": [owner]}}, relay())
