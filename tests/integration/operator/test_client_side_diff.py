"""A GitOps tool that compares the applied with the stored object sees no difference.

So the API server must not add defaults inside lists.
"""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.apiserver.test_rules import TAKEN
from tests.integration.operator.control_plane import ROOT, ControlPlane, Manifest, path_of
from tests.integration.operator.situation import Situation

EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
EMPTIES: dict[str, Any] = {
    **{name: {} for name in ("labels", "annotations", "nodeSelector", "affinity")},
    **{name: [] for name in ("env", "tolerations", "imagePullSecrets", "volumes", "volumeMounts", "hostAliases")},
    "podSecurityContext": {},
    "securityContext": {},
    "dnsConfig": {"options": []},
    "resources": {"requests": {"cpu": "0.05", "memory": "64Mi"}, "limits": {"memory": 134217728, "cpu": "1e0"}},
    "topologySpreadConstraints": [{"topologyKey": "zone"}, {"topologyKey": "host", "labelSelector": {}}],
}
SPECS: dict[str, Manifest] = {
    **{path.name: yaml.safe_load(path.read_text())["spec"] for path in EXAMPLES if "labeler" not in path.name},
    "empties": {"host": "relay.example", "suspend": True, "podTemplate": EMPTIES, "deployment": {"labels": {}}},
    "spread": {
        "host": "relay.example",
        "podTemplate": {"topologySpreadConstraints": [{"topologyKey": "topology.kubernetes.io/zone"}]},
    },
}


def differences(applied: Any, stored: Any, path: str = "") -> list[str]:
    """The differences between the applied and the stored object, as a client computes them for a custom resource.

    Maps are compared by their applied keys, so a key that only the server sets is no difference. Everything else is
    compared as a whole.
    """
    if isinstance(applied, dict) and isinstance(stored, dict):
        return [found for name in applied for found in differences(applied[name], stored.get(name), f"{path}.{name}")]
    return [] if applied == stored else [f"{path}: {json.dumps(applied)} is stored as {json.dumps(stored)}"]


def stored(control_plane: ControlPlane, namespace: str, kind: str, spec: Manifest) -> Any:
    path = path_of(kind, namespace) + "?dryRun=All"
    manifest = {
        "apiVersion": "sluice.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": "one", "namespace": namespace},
        "spec": spec,
    }
    return control_plane.request("POST", path, manifest)["spec"]


@pytest.mark.parametrize("name", SPECS)
def test_a_relay_is_stored_as_applied(situation: Situation, name: str) -> None:
    assert differences(SPECS[name], stored(situation.control_plane, situation.namespace, "Relay", SPECS[name])) == []


def test_a_labeler_is_stored_as_applied(situation: Situation) -> None:
    spec = yaml.safe_load(Path(ROOT / "examples" / "labeler.yaml").read_text())["spec"]
    assert differences(spec, stored(situation.control_plane, situation.namespace, "Labeler", spec)) == []


def test_other_accepted_specs_are_stored_as_applied(situation: Situation) -> None:
    for spec in TAKEN:
        assert differences(spec, stored(situation.control_plane, situation.namespace, "Relay", spec)) == [], spec


@pytest.mark.parametrize("name", SPECS)
def test_kubectl_diff_is_empty(situation: Situation, name: str) -> None:
    manifest = {
        "apiVersion": "sluice.dev/v1alpha1",
        "kind": "Relay",
        "metadata": {"name": "one", "namespace": situation.namespace},
        "spec": SPECS[name] | {"suspend": True},
    }
    situation.kubectl("apply", "-f", "-", stdin=manifest)
    situation.kubectl("diff", "-f", "-", stdin=manifest)


def test_an_object_of_a_former_version_leads_to_the_same_pod(situation: Situation) -> None:
    """Its stored list contains the defaults of the former schema."""
    spread = {
        "topologyKey": "zone",
        "whenUnsatisfiable": "ScheduleAnyway",
        "maxSkew": 1,
        "labelSelector": {"matchLabels": {"app.kubernetes.io/name": "sluice-ingester"}},
    }
    situation.apply_relay(suspend=True, podTemplate={"topologySpreadConstraints": [spread]})
    situation.wait_condition("Ready", "True", "Suspended")
    before = situation.deployment()["metadata"]["annotations"]["sluice.dev/desired-hash"]
    situation.apply_relay(suspend=True, podTemplate={"topologySpreadConstraints": [{"topologyKey": "zone"}]})
    situation.wait_condition("Ready", "True", "Suspended")
    assert situation.deployment()["metadata"]["annotations"]["sluice.dev/desired-hash"] == before
    assert situation.template()["spec"]["topologySpreadConstraints"] == [spread]
