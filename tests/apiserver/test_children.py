"""The children of a resource on a real API server: accepted, restricted, stable and restored."""

import copy
import json
import secrets
from functools import partial
from typing import Any

import pytest

from sluice_operator.api.relay import Relay
from sluice_operator.desired.child_metadata import Manifest, is_controlled_by, member_reference
from sluice_operator.desired.deployment import build_deployment
from sluice_operator.desired.diff import find_differences
from sluice_operator.desired.ingester_defaults import IngesterDefaults
from sluice_operator.desired.naming import REDIS_HASH_ANNOTATION
from sluice_operator.desired.redis_secret import build_default_redis_secret
from sluice_operator.desired.relay_streams import firehose_stream
from sluice_operator.desired.replacement_patch import build_replacement_patch
from tests.apiserver.conftest import ApiServer, eventually

FULL: dict[str, Any] = {
    "caBundle": {"configMapRef": {"name": "ca"}},
    "imagePullPolicy": "Never",
    "podTemplate": {
        "resources": {"requests": {"cpu": 0, "memory": "0.5Gi"}, "limits": {"cpu": "1500m", "memory": "1024Mi"}},
    },
}


@pytest.fixture
def relay(server: ApiServer) -> Any:
    """A suspended Relay that is stored, so that its children have an owner and create no pod."""
    # Each test has its own name, since the garbage collector may be late.
    name = f"owner-{secrets.token_hex(3)}"
    body = server.relay({"host": "relay.example.com", "suspend": True}, name=name)
    server.create("relays", body)
    yield Relay.parse(server.read("get", f"relays.{server.group}", name, "-n", server.namespace))
    server.delete("relays", name)


def build(server: ApiServer, relay: Relay, **spec: Any) -> Manifest:
    changed = relay.model_copy(update={"spec": type(relay.spec).model_validate({**relay.spec.dump(), **spec})})
    settings = IngesterDefaults(image="sluice:1", image_pull_secrets=("registry",))
    return owned(
        server,
        build_deployment(
            changed, firehose_stream(changed), config_hashes={REDIS_HASH_ANNOTATION: "h"}, defaults=settings
        ),
    )


def owned(server: ApiServer, manifest: Manifest) -> Manifest:
    """The manifest, owned by a Relay of the group of the tests, for the garbage collector."""
    result = copy.deepcopy(manifest)
    for reference in result["metadata"]["ownerReferences"]:
        reference["apiVersion"] = reference["apiVersion"].replace("sluice.dev", server.group)
    return result


def patch(server: ApiServer, name: str, change: Manifest) -> Manifest:
    """A JSON merge patch."""
    arguments = ("patch", "deployment", name, "-n", server.namespace, "--type=merge", "-p", json.dumps(change))
    return dict(server.read(*arguments))


@pytest.mark.parametrize("spec", [{}, FULL], ids=["minimal", "full"])
def test_an_applied_deployment_has_no_drift_and_applying_it_again_changes_nothing(
    server: ApiServer, relay: Relay, spec: dict[str, Any]
) -> None:
    desired = build(server, relay, **spec)
    applied = server.apply(desired)
    assert find_differences(applied, desired) == []
    assert is_controlled_by(applied, relay)
    live = eventually(partial(observed, server, applied["metadata"]["name"]))
    again = server.apply(desired)
    assert again["metadata"]["resourceVersion"] == live["metadata"]["resourceVersion"]


def test_an_applied_secret_has_no_drift_and_applying_it_again_changes_nothing(server: ApiServer, relay: Relay) -> None:
    def secret(url: str) -> Manifest:
        owners = [member_reference(relay)]
        return owned(server, build_default_redis_secret(relay.metadata.namespace, url=url, owners=owners))

    desired = secret("redis://:p@redis:6379/0")
    live = server.apply(desired)
    assert find_differences(live, desired) == []
    changed = secret("redis://:other@redis:6379/0")
    assert find_differences(live, changed)
    assert find_differences(server.apply(changed), changed) == []


def test_the_pod_meets_the_restricted_standard(server: ApiServer, relay: Relay) -> None:
    template = build(server, relay, **FULL)["spec"]["template"]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**template["metadata"], "name": "ingester", "namespace": server.namespace},
        "spec": template["spec"],
    }
    server.kubectl("create", "--dry-run=server", "--validate=strict", "-f", "-", stdin=pod)


def observed(server: ApiServer, name: str) -> Manifest:
    """The Deployment once its controller has observed it. From then on the controller does not write to it."""
    live: Manifest = server.read("get", "deployment", name, "-n", server.namespace)
    assert live.get("status", {}).get("observedGeneration") == live["metadata"]["generation"]
    return live


EDITS: dict[str, Manifest] = {
    "another strategy": {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 2}}}},
    "replicas": {"spec": {"replicas": 2}, "metadata": {"labels": {"sluice.dev/relay": "x"}}},
    "a pause": {"spec": {"paused": True}},
    "a pause and another strategy": {
        "spec": {"paused": True, "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 2}}}
    },
    "no owner": {"metadata": {"ownerReferences": None}},
    "no annotations": {"metadata": {"annotations": None}},
    "a pod of another kind": {"spec": {"template": {"spec": {"enableServiceLinks": True, "hostNetwork": True}}}},
}


def restore(server: ApiServer, name: str, desired: Manifest) -> Manifest:
    """Restore the object as the operator does, for the version that was read. Its controller may write in between."""
    live = server.read("get", "deployment", name, "-n", server.namespace)
    operations = json.dumps(build_replacement_patch(live, desired, former_keys=()))
    return dict(server.read("patch", "deployment", name, "-n", server.namespace, "--type=json", "-p", operations))


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_is_found_and_restored(server: ApiServer, relay: Relay, edit: str) -> None:
    desired = build(server, relay)
    name = server.apply(desired)["metadata"]["name"]
    edited = patch(server, name, EDITS[edit])
    assert find_differences(edited, desired)
    assert find_differences(eventually(partial(restore, server, name, desired)), desired) == []


def test_a_field_that_is_no_longer_desired_is_removed(server: ApiServer, relay: Relay) -> None:
    live = server.apply(build(server, relay, **FULL))
    assert live["spec"]["template"]["spec"]["volumes"]
    desired = build(server, relay)
    assert find_differences(live, desired)
    pod = server.apply(desired)["spec"]["template"]["spec"]
    assert "volumes" not in pod
    assert "SSL_CERT_FILE" not in {item["name"] for item in pod["containers"][0]["env"]}


def test_a_rollout_restart_is_kept(server: ApiServer, relay: Relay) -> None:
    desired = build(server, relay)
    name = server.apply(desired)["metadata"]["name"]
    server.kubectl("rollout", "restart", f"deployment/{name}", "-n", server.namespace)
    live = server.read("get", "deployment", name, "-n", server.namespace)
    assert find_differences(live, desired) == []
    key = "kubectl.kubernetes.io/restartedAt"
    restarted = live["spec"]["template"]["metadata"]["annotations"][key]
    applied = server.apply(desired)
    assert applied["spec"]["template"]["metadata"]["annotations"][key] == restarted
