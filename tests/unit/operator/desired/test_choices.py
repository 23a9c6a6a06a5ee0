"""Fields about cursors and retention become environment variables of the ingester, if they are set."""

from typing import Any

import pytest

from sluice_operator.api.relay import Relay
from sluice_operator.desired.deployment import build_deployment
from sluice_operator.desired.ingester_defaults import IngesterDefaults
from sluice_operator.desired.naming import REDIS_HASH_ANNOTATION
from sluice_operator.desired.relay_streams import firehose_stream

NAMES = {"INGESTER_SYNC_EVENTS", "INGESTER_ON_CURSOR_LOST", "INGESTER_TRIM_CONSUMED", "INGESTER_DEDUPLICATE_SECONDS"}


@pytest.mark.parametrize(
    ("spec", "variables"),
    [
        ({}, {}),
        ({"onCursorLost": "Halt"}, {"INGESTER_ON_CURSOR_LOST": "halt"}),
        ({"retention": {"trimConsumed": True}}, {"INGESTER_TRIM_CONSUMED": "true"}),
        ({"firehose": {"syncEvents": "Omit"}}, {}),
        ({"firehose": {"syncEvents": "Emit"}}, {"INGESTER_SYNC_EVENTS": "emit"}),
        ({"firehose": {"deduplicate": {}}}, {"INGESTER_DEDUPLICATE_SECONDS": "3600"}),
        ({"firehose": {"deduplicate": {"window": "1h30m5s"}}}, {"INGESTER_DEDUPLICATE_SECONDS": "5405"}),
        ({"cursor": {"position": "oldest", "nonce": "1"}}, {}),  # the ingester follows without a restart
    ],
)
def test_optional_fields_become_environment_variables(spec: dict[str, Any], variables: dict[str, str]) -> None:
    relay = Relay.parse(
        {
            "apiVersion": "sluice.dev/v1alpha1",
            "kind": "Relay",
            "metadata": {"name": "us-east", "namespace": "events", "uid": "u-1", "generation": 1},
            "spec": {"host": "relay.example.com", **spec},
        }
    )
    built = build_deployment(
        relay,
        firehose_stream(relay),
        config_hashes={REDIS_HASH_ANNOTATION: "x"},
        defaults=IngesterDefaults(image="sluice"),
    )
    env = built["spec"]["template"]["spec"]["containers"][0]["env"]
    assert {item["name"]: item["value"] for item in env if item["name"] in NAMES} == variables
