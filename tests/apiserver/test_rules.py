"""Every rule of the schema, with the message for the user."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from sluice_operator.api.errors import InvalidResourceError
from sluice_operator.api.relay import Relay
from sluice_operator.api.rules import VALIDATIONS
from sluice_operator.api.schema import structural_schema
from tests.apiserver import pod_template
from tests.apiserver.conftest import ApiServer, RefusedError


def messages(node: Any) -> Iterator[str]:
    """The messages of all rules in a schema."""
    if isinstance(node, dict):
        yield from (rule["message"] for rule in node.get(VALIDATIONS, ()))
        yield from (message for value in node.values() for message in messages(value))


RULES = set(messages(structural_schema(Relay)))
HOST = {"host": "relay1.us-east.bsky.network"}


def firehose(**fields: Any) -> dict[str, Any]:
    return {**HOST, "firehose": fields}


def resources(**fields: Any) -> dict[str, Any]:
    return {**HOST, "podTemplate": {"resources": fields}}


REFUSED = [
    # host
    ({}, "spec.host: Required value"),
    ({"host": ""}, 'spec.host: Invalid value: "": give a host name or address alone'),
    ({"host": "a" * 301}, "spec.host: Too long: may not be more than 300 bytes"),
    ({"host": "relay.example.com/xrpc"}, "give a host name or address alone, such as relay1.us-east"),
    ({"host": "relay.example.com/"}, "no path, no user, no spaces"),
    ({"host": "wss://user:password@relay.example.com"}, "no path, no user, no spaces"),
    ({"host": "relay example"}, "no path, no user, no spaces"),
    ({"host": "relay.example.com\n"}, "no path, no user, no spaces"),
    ({"host": "one.example.com,two.example.com"}, "give a host name or address alone"),
    ({"host": "ftp://relay.example.com"}, "ws:// or http:// in front if it has no TLS"),
    ({"host": "relay.example.com:0"}, "the port of the host must be between 1 and 65535"),
    ({"host": "relay.example.com:65536"}, "the port of the host must be between 1 and 65535"),
    ({"host": "relay.example.com:99999999999999999999"}, "with a port if it needs one"),
    *(
        (
            {"host": host},
            "this is not an IP address: give four numbers from 0 to 255 (198.51.100.7), an IPv6 address",
        )
        for host in (
            "127.1",
            "ws://0x7F.0.1:80",
            "010.0.0.1",
            "[1]",
            "ws://[1::2::3]:80",
            "[1:2:3:4:5:6:7]",
            "[::1.2.3.256]",
            "999.1.1.1",
            "http://1.2.3.256:80",
        )
    ),
    # redis
    ({**HOST, "redis": {"keyPrefix": "{sluice} :"}}, "give printable ASCII characters without blanks, such as"),
    ({**HOST, "redis": {"keyPrefix": "x" * 101}}, "spec.redis.keyPrefix: Too long: may not be more than 100 bytes"),
    # firehose
    (firehose(startFrom="newest"), 'spec.firehose.startFrom: Invalid value: "newest": give oldest, live, or'),
    (firehose(startFrom="0"), "a sequence number, a whole number above 0 and below 2^53"),
    (firehose(startFrom=0), "a sequence number, a whole number above 0 and below 2^53"),
    (firehose(startFrom=-1), "a sequence number, a whole number above 0 and below 2^53"),
    (firehose(startFrom=2**53), "a sequence number, a whole number above 0 and below 2^53"),
    (firehose(startFrom=str(2**53)), "a sequence number, a whole number above 0 and below 2^53"),
    (firehose(startFrom="9223372036854775807"), "spec.firehose.startFrom: Too long: may not be more than 16 bytes"),
    (firehose(startFrom=1.5), "spec.firehose.startFrom in body must be of type integer,string"),
    (firehose(collections=[]), "spec.firehose.collections in body should have at least 1 items"),
    (firehose(collections=["app.bsky"]), 'spec.firehose.collections[0]: Invalid value: "app.bsky": give a collection'),
    (firehose(collections=["*", "app.*.post"]), "spec.firehose.collections[1]: Invalid value"),
    (firehose(collections=["a b.c.d"]), "all that start alike (app.bsky.*), or all (*)"),
    (firehose(collections=["a" * 318]), "spec.firehose.collections[0]: Too long: may not be more than 317 bytes"),
    (firehose(collections=["app.bsky.feed.post"] * 101), "spec.firehose.collections: Too many: 101: must have at most"),
    (firehose(enabled="yes"), "spec.firehose.enabled in body must be of type boolean"),
    (
        firehose(syncEvents="emit"),
        'spec.firehose.syncEvents: Unsupported value: "emit": supported values: "Omit", "Emit"',
    ),
    (firehose(deduplicate={"window": ""}), "give a duration from 1s to 24h, such as 1h or 90m"),
    (firehose(deduplicate={"window": "1"}), "give a duration from 1s to 24h, such as 1h or 90m"),
    (firehose(deduplicate={"window": "0s"}), "give a duration from 1s to 24h, such as 1h or 90m"),
    (firehose(deduplicate={"window": "25h"}), "give a duration from 1s to 24h, such as 1h or 90m"),
    (firehose(deduplicate={"window": "1d"}), "give a duration from 1s to 24h, such as 1h or 90m"),
    (firehose(deduplicate={"window": "1" * 40}), "spec.firehose.deduplicate.window: Too long"),
    # backfill
    ({**HOST, "backfill": {"enabled": 1}}, "spec.backfill.enabled in body must be of type boolean"),
    ({**HOST, "backfill": {"rescanIntervalSeconds": 59}}, "should be greater than or equal to 60"),
    ({**HOST, "backfill": {"rescanIntervalSeconds": 31_536_001}}, "should be less than or equal to 31536000"),
    ({**HOST, "backfill": {"onPageError": "Skip"}}, 'supported values: "Retry", "SkipRepo"'),
    ({**HOST, "backfill": {"rescanInterval": 60}}, 'unknown field "spec.backfill.rescanInterval"'),
    # cursor
    ({**HOST, "cursor": {"position": "oldest"}}, "spec.cursor.nonce: Required value"),
    ({**HOST, "cursor": {"nonce": "1"}}, "spec.cursor.position: Required value"),
    ({**HOST, "cursor": {"position": "oldest", "nonce": ""}}, "spec.cursor.nonce in body should be at least 1 chars"),
    ({**HOST, "cursor": {"position": "newest", "nonce": "1"}}, "give oldest, live, or a sequence number"),
    ({**HOST, "cursor": {"position": 0, "nonce": "1"}}, "a whole number above 0 and below 2^53"),
    ({**HOST, "cursor": {"position": 2**53, "nonce": "1"}}, "a whole number above 0 and below 2^53"),
    ({**HOST, "cursor": {"position": str(2**53), "nonce": "1"}}, "a whole number above 0 and below 2^53"),
    ({**HOST, "cursor": {"position": "9" * 16, "nonce": "1"}}, "a whole number above 0 and below 2^53"),
    ({**HOST, "cursor": {"position": "9" * 17, "nonce": "1"}}, "spec.cursor.position: Too long"),
    ({**HOST, "cursor": {"position": "live", "nonce": "n" * 254}}, "spec.cursor.nonce: Too long"),
    ({**HOST, "onCursorLost": "Skip"}, 'supported values: "Halt", "Oldest", "Live"'),
    # redis
    ({**HOST, "redis": {"secretRef": {}}}, "spec.redis.secretRef.name: Required value"),
    ({**HOST, "redis": {"secretRef": {"name": "Mine"}}}, "spec.redis.secretRef.name in body should match"),
    ({**HOST, "redis": {"secretRef": {"name": "mine", "key": "a/b"}}}, "spec.redis.secretRef.key in body should match"),
    ({**HOST, "redis": {"secretRef": {"name": "", "key": ""}}}, "spec.redis.secretRef.name in body should be at least"),
    ({**HOST, "redis": {"secretRef": {"name": "", "key": ""}}}, "spec.redis.secretRef.key in body should be at least"),
    ({**HOST, "redis": {"secretRef": {"name": "n" * 254}}}, "spec.redis.secretRef.name: Too long"),
    ({**HOST, "redis": {"secretRef": {"name": "n", "key": "k" * 254}}}, "spec.redis.secretRef.key: Too long"),
    # batch and backpressure
    ({**HOST, "batch": {"size": 0}}, "spec.batch.size in body should be greater than or equal to 1"),
    ({**HOST, "batch": {"size": 10_001}}, "spec.batch.size in body should be less than or equal to 10000"),
    ({**HOST, "batch": {"size": "500"}}, "spec.batch.size in body must be of type integer"),
    ({**HOST, "batch": {"timeoutMilliseconds": 9}}, "should be greater than or equal to 10"),
    ({**HOST, "batch": {"timeoutMilliseconds": 60_001}}, "should be less than or equal to 60000"),
    ({**HOST, "backpressure": {"highWaterMark": 0}}, "spec.backpressure.highWaterMark in body should be greater"),
    ({**HOST, "backpressure": {"highWaterMark": 10**9 + 1}}, "should be less than or equal to 1000000000"),
    ({**HOST, "retention": {"trimConsumed": "yes"}}, "spec.retention.trimConsumed in body must be of type boolean"),
    # image
    ({**HOST, "image": "sluice 1"}, "give an image as a container runtime takes it"),
    ({**HOST, "image": ""}, "give an image as a container runtime takes it"),
    ({**HOST, "image": "i" * 1025}, "spec.image: Too long: may not be more than 1024 bytes"),
    ({**HOST, "imagePullPolicy": "Sometimes"}, 'supported values: "Always", "IfNotPresent", "Never"'),
    # resources
    (resources(requests={"memory": "1Gi"}, limits={"memory": "128Mi"}), "a request is above the limit"),
    (resources(requests={"cpu": 2}, limits={"cpu": "1500m"}), "lower the request or raise the limit"),
    (resources(limits={"mem": "1Gi"}), "unknown resource: use cpu, memory, ephemeral-storage, hugepages-SIZE"),
    (resources(limits={"memory": "lots"}), "spec.podTemplate.resources.limits.memory in body should match"),
    (resources(limits={"memory": "-1Gi"}), "spec.podTemplate.resources.limits.memory in body should match"),
    (resources(limits={"memory": -1}), "resources.limits.memory in body should be greater than or equal to 0"),
    (resources(limits={f"example.com/r{i}": 1 for i in range(17)}), "must have at most 16 items"),
    (resources(limits={"cpu": "1" * 41}), "resources.limits.cpu: Too long: may not be more than 40 bytes"),
    (resources(requests={"memory": "lots"}), "resources.requests.memory in body should match"),
    (resources(requests={"memory": -1}), "resources.requests.memory in body should be greater than or equal to 0"),
    (resources(requests={"cpu": "1" * 41}), "resources.requests.cpu: Too long: may not be more than 40 bytes"),
    (resources(requests={f"example.com/r{i}": 1 for i in range(17)}), "must have at most 16 items"),
    *pod_template.REFUSED,
    # caBundle
    ({**HOST, "caBundle": {}}, "spec.caBundle.configMapRef: Required value"),
    ({**HOST, "caBundle": {"configMapRef": {}}}, "spec.caBundle.configMapRef.name: Required value"),
    ({**HOST, "caBundle": {"configMapRef": {"name": "a_b"}}}, "spec.caBundle.configMapRef.name in body should match"),
    ({**HOST, "caBundle": {"configMapRef": {"name": "", "key": ""}}}, "configMapRef.name in body should be at least"),
    ({**HOST, "caBundle": {"configMapRef": {"name": "", "key": ""}}}, "configMapRef.key in body should be at least"),
    ({**HOST, "caBundle": {"configMapRef": {"name": "n" * 254}}}, "spec.caBundle.configMapRef.name: Too long"),
    ({**HOST, "caBundle": {"configMapRef": {"name": "n", "key": "k" * 254}}}, "configMapRef.key: Too long"),
    ({**HOST, "caBundle": {"configMapRef": {"name": "n", "key": "a/b"}}}, "configMapRef.key in body should match"),
    # health and suspend
    ({**HOST, "health": {"degradedAfterSeconds": 0}}, "spec.health.degradedAfterSeconds in body should be greater"),
    ({**HOST, "health": {"degradedAfterSeconds": 604_801}}, "spec.health.degradedAfterSeconds in body should be less"),
    ({**HOST, "health": {"stalledAfterSeconds": 604_801}}, "spec.health.stalledAfterSeconds in body should be less"),
    ({**HOST, "health": {"quietAfterSeconds": 31_536_001}}, "spec.health.quietAfterSeconds in body should be less"),
    ({**HOST, "health": {"stableWindowSeconds": 0}}, "spec.health.stableWindowSeconds in body should be greater"),
    ({**HOST, "health": {"stableWindowSeconds": 604_801}}, "should be less than or equal to 604800"),
    ({**HOST, "health": {"stalledAfterSeconds": 0}}, "spec.health.stalledAfterSeconds in body should be greater"),
    ({**HOST, "health": {"quietAfterSeconds": -1}}, "spec.health.quietAfterSeconds in body should be greater"),
    ({**HOST, "suspend": 1}, "spec.suspend in body must be of type boolean"),
    ({**HOST, "pooling": {"mode": "Pooled"}}, 'supported values: "Dedicated", "Shared"'),
    ({**HOST, "pooling": {"mode": "Shared", "pool": ""}}, "spec.pooling.pool in body should be at least 1 chars long"),
    ({**HOST, "pooling": {"pool": "a" * 41}}, "spec.pooling.pool: Too long: may not be more than 40 bytes"),
    ({**HOST, "pooling": {"pool": "Quiet_Labelers"}}, "spec.pooling.pool in body should match"),
    ({**HOST, "deletionPolicy": "Delete"}, 'supported values: "Retain", "DeleteCursor"'),
    # a misspelled field at any depth
    ({**HOST, "hots": "x"}, 'unknown field "spec.hots"'),
    (firehose(collection=["*"]), 'unknown field "spec.firehose.collection"'),
    ({**HOST, "redis": {"url": "redis://x", "secretRef": {"name": "x"}}}, 'unknown field "spec.redis.url"'),
]

TAKEN = [
    {"host": "localhost:2583"},
    {"host": "ws://us-east.demo.svc:2470"},
    {"host": "https://relay.example.com:65535"},
    {"host": "[fd00::1]:443"},
    {"host": "ws://[::ffff:198.51.100.7]:80"},
    {"host": "255.255.255.255"},
    {"host": "999.1.1.1.example.com"},
    firehose(startFrom=6_322_875_401),
    firehose(startFrom=2**53 - 1),
    firehose(startFrom=str(2**53 - 1)),
    firehose(startFrom="live"),
    firehose(collections=["*"]),
    firehose(deduplicate={"window": "1h30m"}),
    firehose(deduplicate={"window": "24h"}),
    firehose(collections=["app.*", "app.bsky.feed.post", "com.example-site.thing"]),
    {**HOST, "cursor": {"position": 6_322_875_401, "nonce": "1"}, "onCursorLost": "Halt"},
    {**HOST, "cursor": {"position": str(2**53 - 1), "nonce": "2026-11-24"}, "onCursorLost": "Live"},
    {**HOST, "cursor": {"position": "live", "nonce": "again"}, "onCursorLost": "Oldest"},
    {**HOST, "backfill": {"enabled": True, "rescanIntervalSeconds": 604_800, "onPageError": "SkipRepo"}},
    resources(requests={"cpu": "50m"}, limits={"memory": 134_217_728}),
    resources(requests={"cpu": 1}, limits={"cpu": "1000m", "example.com/nic": 1, "hugepages-2Mi": "4Mi"}),
    resources(),
    *pod_template.TAKEN,
]


@pytest.mark.parametrize(("spec", "message"), REFUSED, ids=lambda value: str(value)[:60])
def test_refused_specs(server: ApiServer, spec: dict[str, Any], message: str) -> None:
    with pytest.raises(RefusedError) as caught:
        server.try_spec(**spec)
    assert message in str(caught.value)
    # The operator refuses an object stored before the rule with the same message.
    for words in (rule for rule in RULES if rule in str(caught.value)):
        with pytest.raises(InvalidResourceError, match=re.escape(words)):
            Relay.parse(server.relay(spec))


@pytest.mark.parametrize("spec", TAKEN, ids=lambda value: str(value)[:60])
def test_accepted_specs(server: ApiServer, spec: dict[str, Any]) -> None:
    relay = server.try_spec(**spec)
    Relay.parse(relay)
    created = relay["spec"]
    parts = ("firehose", "podTemplate")  # these fields have further defaults
    assert {name: created[name] for name in spec if name not in parts} == {
        name: value for name, value in spec.items() if name not in parts
    }
    for name in parts:
        assert created[name].items() >= spec.get(name, {}).items()
