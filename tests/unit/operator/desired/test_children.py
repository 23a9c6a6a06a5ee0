"""What changes a child, and what doesn't."""

import base64
from typing import Any

import pytest

from sluice_operator.api.relay import Relay
from sluice_operator.desired.child_metadata import Manifest, belongs_to, is_controlled_by, is_owned_by_former_source
from sluice_operator.desired.deployment import build_deployment
from sluice_operator.desired.ingester_defaults import IngesterDefaults
from sluice_operator.desired.naming import DESIRED_HASH_ANNOTATION, REDIS_HASH_ANNOTATION
from sluice_operator.desired.redis_secret import build_redis_secret, redis_secret, redis_url_hash
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


def stamp(manifest: Manifest) -> str:
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
def test_one_pod_unless_told_otherwise(spec: dict[str, Any], replicas: int) -> None:
    assert build(relay(**spec))["spec"]["replicas"] == replicas


def test_the_spec_reaches_the_ingester() -> None:
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


def test_a_backfill_is_an_ingester_of_its_own() -> None:
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


def test_without_a_backfill_there_is_none() -> None:
    assert [stream.component for stream in RELAY.desired_streams(relay())] == [FIREHOSE]


def test_the_image_of_the_resource_wins_over_the_operators() -> None:
    assert container(build(relay()))["image"] == "sluice:1"
    assert container(build(relay(image="mine:2")))["image"] == "mine:2"


def test_the_pull_policy_of_the_resource_wins_over_the_operators() -> None:
    always = IngesterDefaults(image="sluice:1", image_pull_policy="Always")
    assert "imagePullPolicy" not in container(build(relay()))
    assert container(build(relay(), settings=always))["imagePullPolicy"] == "Always"
    assert container(build(relay(imagePullPolicy="Never"), settings=always))["imagePullPolicy"] == "Never"


def test_another_redis_url_makes_another_pod() -> None:
    one, two = build(relay()), build(relay(), url=b"redis://two")
    assert one["spec"]["template"] != two["spec"]["template"]
    assert stamp(one) != stamp(two)


def test_the_url_itself_stands_in_no_deployment() -> None:
    settings = IngesterDefaults(image="sluice:1", default_redis_url="redis://:hunter2@redis")
    assert "hunter2" not in str(build(relay(), url=b"redis://:hunter2@redis", settings=settings))
    assert "hunter2" not in repr(settings)


def test_the_same_resource_makes_the_same_child() -> None:
    assert build(relay()) == build(relay())


def test_the_stamp_shows_a_field_that_is_wanted_no_longer() -> None:
    bundle = {"configMapRef": {"name": "ca"}}
    assert stamp(build(relay(caBundle=bundle))) != stamp(build(relay()))


def test_a_ca_bundle_is_mounted_and_named() -> None:
    built = build(relay(caBundle={"configMapRef": {"name": "private", "key": "root.pem"}}))
    mount = container(built)["volumeMounts"][0]
    volume = built["spec"]["template"]["spec"]["volumes"][0]
    assert mount["name"] == volume["name"]
    assert mount["readOnly"] is True
    assert volume["configMap"]["name"] == "private"
    item = volume["configMap"]["items"][0]
    assert item["key"] == "root.pem"
    assert env(built)["SSL_CERT_FILE"] == f"{mount['mountPath']}/{item['path']}"


def test_redis_of_the_resource_or_of_the_operator() -> None:
    own = redis_secret(relay())
    assert (own.name, own.key, own.owned) == ("us-east-relay-redis-url", "url", True)
    other = redis_secret(relay(redis={"secretRef": {"name": "events", "key": "dsn"}}))
    assert (other.name, other.key, other.owned) == ("events", "dsn", False)
    built = build(relay(redis={"secretRef": {"name": "events", "key": "dsn"}}))
    references = [item["valueFrom"] for item in container(built)["env"] if item["name"] == "REDIS_URL"]
    assert references == [{"secretKeyRef": {"name": "events", "key": "dsn"}}]


def test_the_secret_holds_the_url() -> None:
    secret = build_redis_secret(relay(), url="redis://:pä@redis")
    assert base64.b64decode(secret["data"]["url"]).decode() == "redis://:pä@redis"
    assert secret["metadata"]["name"] == redis_secret(relay()).name


def test_children_take_nothing_from_the_labels_of_their_owner() -> None:
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
    ("owners", "labels", "ours"),
    [
        ([{"uid": "u-1", "controller": True}], {}, True),
        ([{"uid": "u-2", "controller": True}], {"sluice.dev/relay": "us-east"}, False),
        ([], {"sluice.dev/relay": "us-east"}, True),  # somebody took its owner away
        ([{"uid": "u-2"}], {"sluice.dev/relay": "us-east"}, True),
        ([], {"sluice.dev/labeler": "us-east"}, False),
        ([], {"app.kubernetes.io/managed-by": "sluice-operator"}, False),
        ([], {}, False),
    ],
)
def test_a_stranger_is_left_alone(*, owners: list[Any], labels: dict[str, str], ours: bool) -> None:
    live = {"metadata": {"ownerReferences": owners, "labels": labels}}
    assert belongs_to(live, kind="Relay", name="us-east", uid="u-1") is ours


@pytest.mark.parametrize(
    ("changes", "remnant"),
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
def test_a_former_one_of_that_name_has_left_remnants(*, changes: dict[str, Any], remnant: bool) -> None:
    owner = build(relay())["metadata"]["ownerReferences"][0]
    live = {"metadata": {"ownerReferences": [{**owner, "uid": "u-0", **changes}]}}
    assert is_owned_by_former_source(live, kind="Relay", name="us-east", uid="u-1") is remnant
    assert not is_owned_by_former_source({"metadata": {}}, kind="Relay", name="us-east", uid="u-1")


def test_only_a_child_of_this_very_resource_is_its_own() -> None:
    child = build(relay())
    assert is_controlled_by(child, relay())
    recreated = Relay.parse(
        {"metadata": {"name": "us-east", "namespace": "events", "uid": "u-2"}, "spec": {"host": "x"}}
    )
    assert not is_controlled_by(child, recreated)
    assert not is_controlled_by({"metadata": {"name": "us-east-firehose"}}, relay())
    owner = {**child["metadata"]["ownerReferences"][0], "controller": False}
    assert not is_controlled_by({"metadata": {"ownerReferences": [owner]}}, relay())
