"""The Relay on a real API server: accepted, defaulted, listed and explained."""

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from sluice_operator.api.base import VERSION
from sluice_operator.api.relay import Relay
from sluice_operator.kinds.crd import build_crd
from sluice_operator.kinds.relay import RELAY
from tests.apiserver.conftest import ApiServer, RefusedError, eventually

ROOT = Path(__file__).parents[2]
READY = {
    "type": "Ready",
    "status": "True",
    "reason": "Streaming",
    "message": "Streaming from the source",
    "lastTransitionTime": "2026-11-24T20:39:00Z",
    "observedGeneration": 1,
}


@pytest.fixture
def stored(server: ApiServer) -> Any:
    """A Relay that is stored."""
    server.kubectl("create", "-f", "-", stdin=server.relay({"host": "relay.example.com"}, name="stored"))
    yield server.read("get", f"relays.{server.group}", "stored", "-n", server.namespace)
    server.kubectl("delete", f"relays.{server.group}", "stored", "-n", server.namespace)


def test_the_crd_is_accepted(server: ApiServer) -> None:
    path = ROOT / "crds" / "relays.yaml"
    flags = ("--server-side", "--dry-run=server", "--validate=strict", "--force-conflicts")
    applied = server.read("apply", *flags, "-f", str(path))
    assert applied["spec"]["versions"][0]["schema"] == build_crd(RELAY)["spec"]["versions"][0]["schema"]


def test_the_schema_is_structural_and_the_names_are_free(server: ApiServer) -> None:
    crd = server.read("get", "crd", f"relays.{server.group}")
    conditions = {item["type"]: item["status"] for item in crd["status"]["conditions"]}
    assert conditions == {"NamesAccepted": "True", "Established": "True"}


def test_the_api_server_and_the_models_have_the_same_defaults(server: ApiServer) -> None:
    created = server.try_spec(host="relay.example.com")
    body = {"metadata": created["metadata"], "spec": {"host": "relay.example.com"}}
    assert created["spec"] == Relay.parse(body).spec.dump()


def test_defaults_complete_a_partial_field(server: ApiServer) -> None:
    created = server.try_spec(host="relay.example.com", batch={"size": 5}, firehose={"startFrom": "live"})
    assert created["spec"]["batch"] == {"size": 5, "timeoutMilliseconds": 1000}
    assert created["spec"]["firehose"]["collections"] == ["app.bsky.*", "chat.bsky.*"]
    created = server.try_spec(host="relay.example.com", podTemplate={"resources": {"limits": {"memory": "1Gi"}}})
    assert created["spec"]["podTemplate"] == {"resources": {"limits": {"memory": "1Gi"}}}


def test_a_new_resource_waits_for_the_operator(stored: Any) -> None:
    assert stored["status"] == {"observedGeneration": -1}
    assert stored["metadata"]["generation"] == 1
    assert "finalizers" not in stored["metadata"]
    assert Relay.parse(stored).status.observed_generation == -1


def test_unknown_fields_are_refused_by_apply_and_pruned_without_validation(server: ApiServer) -> None:
    relay = server.relay({"host": "relay.example.com", "hots": 1})
    with pytest.raises(RefusedError, match=r'unknown field "spec\.hots"'):
        server.kubectl("apply", "--dry-run=server", "-f", "-", stdin=relay)
    pruned = server.read("create", "--dry-run=server", "--validate=false", "-f", "-", stdin=relay)
    assert "hots" not in pruned["spec"]


def test_the_status_is_a_subresource_with_conditions_by_type(server: ApiServer, stored: Any) -> None:
    status = {"observedGeneration": 1, "conditions": [READY]}
    relay = {**server.relay({}, name="stored"), "status": status}
    del relay["spec"]
    applied = server.apply(relay, "--subresource=status")
    assert applied["status"] == status
    assert applied["metadata"]["generation"] == stored["metadata"]["generation"]
    twice = {**relay, "status": {**status, "conditions": [READY, READY]}}
    with pytest.raises(RefusedError, match="duplicate"):
        server.apply(twice, "--subresource=status")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"status": "Maybe"}, 'supported values: "True", "False", "Unknown"'),
        ({"reason": "not one word"}, "reason in body should match"),
        ({"lastTransitionTime": "yesterday"}, "lastTransitionTime in body must be of type date-time"),
    ],
)
def test_a_bad_condition_is_refused(server: ApiServer, stored: Any, change: dict[str, str], message: str) -> None:
    relay = {**server.relay({}, name="stored"), "status": {"conditions": [{**READY, **change}]}}
    del relay["spec"]
    with pytest.raises(RefusedError, match=re.escape(message)):
        server.apply(relay, "--subresource=status")


def test_the_columns_of_kubectl_get(server: ApiServer, stored: Any) -> None:
    status = {
        "observedGeneration": 1,
        "conditions": [READY],
        "firehose": {"cursor": "6322875401", "lag": "2s", "rate": "412/s", "streamLength": 77},
        "restarts": {"count": 3},
    }
    relay = {**server.relay({}, name="stored"), "status": status}
    del relay["spec"]
    server.apply(relay, "--subresource=status")
    listing = ("get", f"relays.{server.group}", "-n", server.namespace)
    header, row = (line.split() for line in server.kubectl(*listing).splitlines())
    assert header == ["NAME", "HOST", "READY", "CURSOR", "LAG", "RATE", "RESTARTS", "AGE", "REASON"]
    assert row[:-2] == ["stored", "relay.example.com", "True", "6322875401", "2s", "412/s", "3"]
    assert row[-1] == "Streaming"
    wide = server.kubectl(*listing, "-o", "wide")
    assert "LENGTH" in wide
    assert "Streaming from the source" in wide


def test_the_category_and_the_short_name(server: ApiServer, stored: Any) -> None:
    assert f"relay.{server.group}/stored" in server.kubectl("get", "atproto", "-n", server.namespace, "-o", "name")
    # kubectl looks up a short name in all groups, and may find another CRD of the same kind first.
    found = json.loads(server.kubectl("get", "--raw", f"/apis/{server.group}/{VERSION}"))["resources"]
    assert [resource["shortNames"] for resource in found if resource["name"] == RELAY.plural] == [["rly"]]


def fields(schema: dict[str, Any], path: str) -> list[tuple[str, str]]:
    """The path and description of every field."""
    nested = schema.get("items", schema)
    return [
        entry
        for name, field in nested.get("properties", {}).items()
        for entry in [(f"{path}.{name}", field["description"]), *fields(field, f"{path}.{name}")]
    ]


def test_kubectl_explain_describes_every_field(server: ApiServer) -> None:
    schema = build_crd(RELAY)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    flags = ("--api-version", f"{server.group}/{VERSION}")
    parents = {"relay.spec", "relay.status"}
    described = fields(schema["spec"], "relay.spec") + fields(schema["status"], "relay.status")
    parents |= {path.rpartition(".")[0] for path, _ in described}
    texts = {
        parent: " ".join(eventually(partial(server.kubectl, "explain", parent, *flags)).split())
        for parent in sorted(parents)
    }
    assert len(described) > 50
    for path, description in described:
        assert description in texts[path.rpartition(".")[0]], path


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("relay*.yaml")), ids=lambda path: path.name)
def test_the_examples_are_accepted(server: ApiServer, path: Path) -> None:
    example = yaml.safe_load(path.read_text(encoding="utf-8"))
    created = server.try_spec(**example["spec"])
    assert created["spec"].items() >= example["spec"].items()
