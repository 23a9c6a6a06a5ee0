"""A GitOps tool that compares on its own side what it has applied with what is stored sees no difference: no list
that was given is stored with more in it than was given.
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


def left_over(applied: Any, stored: Any, path: str = "") -> list[str]:
    """Where what is stored differs from what was applied, as a client computes it for a custom resource: maps are
    merged, so that what only the server has set in them is none; everything else is compared as a whole.
    """
    if isinstance(applied, dict) and isinstance(stored, dict):
        return [place for name in applied for place in left_over(applied[name], stored.get(name), f"{path}.{name}")]
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
def test_what_is_stored_is_what_was_applied(situation: Situation, name: str) -> None:
    assert left_over(SPECS[name], stored(situation.control_plane, situation.namespace, "Relay", SPECS[name])) == []


def test_a_labeler_too(situation: Situation) -> None:
    spec = yaml.safe_load(Path(ROOT / "examples" / "labeler.yaml").read_text())["spec"]
    assert left_over(spec, stored(situation.control_plane, situation.namespace, "Labeler", spec)) == []


def test_and_so_is_all_that_is_taken(situation: Situation) -> None:
    for spec in TAKEN:
        assert left_over(spec, stored(situation.control_plane, situation.namespace, "Relay", spec)) == [], spec


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


def test_an_object_of_a_former_version_is_read_as_before(situation: Situation) -> None:
    """Its stored list holds the defaults that the schema had."""
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
