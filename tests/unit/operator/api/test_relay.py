"""Parsing a Relay as the API server returns it, old objects included."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from sluice_operator.api.deduplicate import DeduplicateSpec
from sluice_operator.api.errors import InvalidResourceError
from sluice_operator.api.pod_template import PodTemplate
from sluice_operator.api.relay import Relay

EXAMPLES = Path(__file__).parents[4] / "examples"


def body(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "sluice.dev/v1alpha1",
        "kind": "Relay",
        "metadata": {"name": "us-east", "namespace": "events", "uid": "u-1", "generation": 3},
        "spec": {"host": "relay1.us-east.bsky.network", **spec},
    }


def test_only_the_host_is_required() -> None:
    relay = Relay.parse(body())
    assert relay.metadata.generation == 3
    assert relay.spec.dump() == {
        "host": "relay1.us-east.bsky.network",
        "batch": {"size": 500, "timeoutMilliseconds": 1000},
        "backpressure": {"highWaterMark": 100_000},
        "retention": {"trimConsumed": False},
        "pooling": {"mode": "Dedicated", "pool": "default"},
        "podTemplate": {
            "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}},
        },
        "suspend": False,
        "deletionPolicy": "Retain",
        "health": {
            "degradedAfterSeconds": 300,
            "stalledAfterSeconds": 60,
            "quietAfterSeconds": 300,
            "stableWindowSeconds": 900,
        },
        "firehose": {
            "enabled": True,
            "startFrom": "oldest",
            "collections": ["app.bsky.*", "chat.bsky.*"],
            "syncEvents": "Omit",
            "resyncToBackfill": False,
        },
        "backfill": {"enabled": False, "onPageError": "Retry"},
    }
    assert relay.status.dump() == {"observedGeneration": -1}


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("relay*.yaml")), ids=lambda path: path.name)
def test_examples_have_no_unknown_field(path: Path) -> None:
    example = yaml.safe_load(path.read_text(encoding="utf-8"))
    Relay.model_validate({"spec": example["spec"], "metadata": {"namespace": "x", **example["metadata"]}})
    for volume in example["spec"].get("podTemplate", {}).get("volumes", ()):
        del volume["secret"]  # the source of a volume has no model
    Relay.model_fields["spec"].annotation.model_validate(example["spec"], extra="forbid")  # type: ignore[union-attr]


def test_the_full_example_is_full_and_shows_the_defaults() -> None:
    example = yaml.safe_load((EXAMPLES / "relay-full.yaml").read_text(encoding="utf-8"))["spec"]
    fields = {field.alias for field in Relay.model_fields["spec"].annotation.model_fields.values()}  # type: ignore[union-attr]
    assert example.keys() == fields
    defaults = Relay.parse(body()).spec.dump()
    assert example["firehose"].pop("deduplicate") == DeduplicateSpec().dump()
    template = example["podTemplate"]
    assert template.keys() == {field.alias for field in PodTemplate.model_fields.values()}
    example["podTemplate"] = {name: template[name] for name in defaults["podTemplate"]}
    for name in defaults.keys() - {"host"}:
        assert example[name] == defaults[name], name


@pytest.mark.parametrize(
    "host",
    [
        "relay1.us-east.bsky.network",
        "localhost:2583",
        "ws://198.18.0.1:8080",
        "wss://relay.example.com",
        "http://pds.default.svc:3000",
        "[fd00::1]:443",
        "Relay.Example.COM",
        "a_b.example",
        "99999",
    ],
)
def test_valid_hosts(host: str) -> None:
    assert Relay.parse(body(host=host)).spec.host == host


@pytest.mark.parametrize(
    ("host", "hint"),
    [
        ("relay.example.com/xrpc", "no path"),
        ("relay.example.com/", "no path"),
        ("user@relay.example.com", "no user"),
        ("relay example", "no spaces"),
        ("relay.example.com\n", "no spaces"),
        ("ftp://relay.example.com", "ws://"),
        ("", "give a host name"),
        ("relay.example.com:0", "between 1 and 65535"),
        ("relay.example.com:70000", "between 1 and 65535"),
        ("relay.example.com:99999999999999999999", "with a port"),
        ("a,b", "alone"),
    ],
)
def test_invalid_hosts(host: str, hint: str) -> None:
    with pytest.raises(InvalidResourceError, match=hint):
        Relay.parse(body(host=host))


@pytest.mark.parametrize(
    ("value", "read"),
    [("oldest", "oldest"), ("live", "live"), (6_322_875_401, "6322875401"), ("6322875401", "6322875401")],
)
def test_a_valid_start_from(value: object, read: str) -> None:
    assert Relay.parse(body(firehose={"startFrom": value})).spec.firehose.start_from == read


@pytest.mark.parametrize(
    "value", ["", "newest", "0", "07", 0, -5, "-5", "1.5", 1.5, "٣", 2**53, str(2**53), "9" * 19, True, None]
)
def test_an_invalid_start_from_is_refused(value: object) -> None:
    with pytest.raises(InvalidResourceError, match=r"spec\.firehose\.startFrom"):
        Relay.parse(body(firehose={"startFrom": value}))


@pytest.mark.parametrize("pattern", ["*", "app.*", "app.bsky.*", "app.bsky.feed.post", "com.example-site.thing"])
def test_valid_collections(pattern: str) -> None:
    assert Relay.parse(body(firehose={"collections": [pattern]})).spec.firehose.collections == (pattern,)


@pytest.mark.parametrize(
    "pattern",
    ["", "app.bsky", "app.bsky.", ".*", "app*", "app.bsky.*.post", "a b.c.d", "a,b", "app.bsky.feed/x"],
)
def test_invalid_collections_are_refused(pattern: str) -> None:
    with pytest.raises(InvalidResourceError, match=r"spec\.firehose\.collections\[0\]"):
        Relay.parse(body(firehose={"collections": [pattern]}))


def test_an_empty_list_of_collections_is_refused() -> None:
    with pytest.raises(InvalidResourceError, match=r"spec\.firehose\.collections: .*at least 1"):
        Relay.parse(body(firehose={"collections": []}))


def test_requests_above_limits_are_refused() -> None:
    resources = {"requests": {"memory": "1Gi"}, "limits": {"memory": "128Mi"}}
    with pytest.raises(InvalidResourceError, match=r"spec\.podTemplate\.resources: a request is above the limit"):
        Relay.parse(body(podTemplate={"resources": resources}))
    fitting = {"requests": {"cpu": 1}, "limits": {"memory": "1Gi"}}
    assert Relay.parse(body(podTemplate={"resources": fitting})).spec.pod_template.resources.requests_within_limits()


@pytest.mark.parametrize("amount", ["lots", "1 Gi", "1..5", "1GiB", -1, "-1"])
def test_an_invalid_quantity_is_refused(amount: str | int) -> None:
    with pytest.raises(
        InvalidResourceError, match=r"spec\.podTemplate\.resources\.requests\.memory: .* is not a quantity"
    ):
        Relay.parse(body(podTemplate={"resources": {"requests": {"memory": amount}}}))


def test_an_unknown_resource_is_refused() -> None:
    with pytest.raises(
        InvalidResourceError, match=r"spec\.podTemplate\.resources\.limits: unknown resource: use cpu, memory"
    ):
        Relay.parse(body(podTemplate={"resources": {"limits": {"mem": "1Gi"}}}))
    taken = {"limits": {"example.com/nic": 1, "hugepages-2Mi": "4Mi"}}
    assert Relay.parse(body(podTemplate={"resources": taken}))


def test_the_error_names_every_field_and_its_value() -> None:
    with pytest.raises(InvalidResourceError) as caught:
        Relay.parse(body(batch={"size": 0}, health={"degradedAfterSeconds": "soon"}))
    assert "spec.batch.size: Input should be greater than or equal to 1 (is 0)" in str(caught.value)
    assert "spec.health.degradedAfterSeconds: " in str(caught.value)


def test_a_field_of_a_newer_schema_is_ignored() -> None:
    assert Relay.parse(body(retention={"trimConsumed": False})).spec.suspend is False


def test_an_unreadable_status_is_empty() -> None:
    relay = Relay.parse({**body(), "status": {"observedGeneration": 3, "restarts": {"count": "many"}}})
    assert relay.status.observed_generation == -1


def test_a_status_is_read_back_unchanged() -> None:
    status = {
        "observedGeneration": 3,
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "reason": "Streaming",
                "message": "",
                "lastTransitionTime": "2026-11-24T20:39:00Z",
                "observedGeneration": 3,
            }
        ],
        "firehose": {"cursor": "6322875401", "lagSeconds": 2, "eventsPerSecond": 412.5},
        "restarts": {"count": 1, "inWindow": 0, "pods": [{"uid": "p-1", "restartCount": 1}]},
    }
    relay = Relay.parse({**body(), "status": status})
    assert relay.status.dump() == status
    assert Relay.parse({**body(), "status": relay.status.dump()}).status == relay.status


def test_times_are_whole_seconds_of_utc() -> None:
    status = {"firehose": {"cursorTime": "2026-11-24T21:39:00.987+01:00"}}
    relay = Relay.parse({**body(), "status": status})
    assert relay.status.firehose is not None
    assert relay.status.firehose.dump() == {"cursorTime": "2026-11-24T20:39:00Z"}
