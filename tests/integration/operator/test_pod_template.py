"""`spec.podTemplate` on a real API server: merged, removed again, not taken for drift, refused with a clear message."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.operator.control_plane import OPERATOR, Manifest
from tests.integration.operator.situation import NAME, Situation, eventually

# The API server stores these in another form, which must not be taken for drift.
FULL: dict[str, Any] = {
    "labels": {"team": "moderation", "empty": ""},
    "annotations": {"sidecar.istio.io/inject": "false"},
    "env": [
        {"name": "LOG_LEVEL", "value": "debug"},
        {"name": "EMPTY", "value": ""},
        {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
        {"name": "PROXY", "valueFrom": {"secretKeyRef": {"name": "proxy", "key": "url", "optional": False}}},
        {"name": "MODE", "valueFrom": {"configMapKeyRef": {"name": "modes", "key": "mode", "optional": True}}},
    ],
    "resources": {"requests": {"cpu": 0, "memory": "0.5Gi"}, "limits": {"cpu": "1500m", "memory": "1024Mi"}},
    "nodeSelector": {"kubernetes.io/arch": "amd64"},
    "tolerations": [
        {"key": "streaming", "operator": "Exists", "effect": "NoSchedule"},
        {"key": "streaming", "value": "", "effect": "NoExecute", "tolerationSeconds": 0},
        {"operator": "Exists"},
    ],
    "affinity": {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [
                    {
                        "matchExpressions": [
                            {"key": "zone", "operator": "In", "values": ["b", "a"]},
                            {"key": "zone", "operator": "NotIn", "values": ["c"]},
                        ]
                    }
                ]
            }
        },
        "podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {
                    "weight": 1,
                    "podAffinityTerm": {
                        "topologyKey": "kubernetes.io/hostname",
                        "namespaces": [],
                        "namespaceSelector": {},
                        "labelSelector": {"matchLabels": {}},
                    },
                }
            ]
        },
    },
    "topologySpreadConstraints": [
        {"topologyKey": "zone"},
        {"topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "minDomains": 2, "maxSkew": 2},
    ],
    "imagePullSecrets": [{"name": "registry"}],
    "priorityClassName": "streaming",
    "runtimeClassName": "gvisor",
    "schedulerName": "volcano",
    "serviceAccountName": "ingester",
    "podSecurityContext": {
        "runAsUser": 1000,
        "fsGroup": 0,
        "supplementalGroups": [],
        "seLinuxOptions": {},
        "seccompProfile": {"type": "Localhost", "localhostProfile": "sluice.json"},
        "appArmorProfile": {"type": "Unconfined"},
    },
    "securityContext": {"runAsGroup": 0, "seLinuxOptions": {"level": "s0"}},
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "Default",
    "dnsConfig": {"nameservers": [], "options": [{"name": "ndots"}, {"name": "timeout", "value": "1"}]},
    "hostAliases": [{"ip": "198.51.100.7", "hostnames": []}],
    "volumes": [
        {"name": "scratch", "emptyDir": {"sizeLimit": "1024Mi"}},
        {"name": "plain", "emptyDir": {}},
        {"name": "unnamed"},
        {"name": "tls", "secret": {"secretName": "tls", "optional": False, "items": []}},
        {"name": "export", "nfs": {"server": "nfs.example", "path": "/", "readOnly": False}},
        {
            "name": "mixed",
            "projected": {
                "sources": [
                    {
                        "secret": {
                            "name": "tls",
                            "items": [{"key": "tls.crt", "path": "a"}, {"key": "tls.crt", "path": "b"}],
                        }
                    },
                    {
                        "downwardAPI": {
                            "items": [
                                {
                                    "path": "cpu",
                                    "resourceFieldRef": {
                                        "containerName": "ingester",
                                        "resource": "limits.cpu",
                                        "divisor": "1000m",
                                    },
                                }
                            ]
                        }
                    },
                ]
            },
        },
        {
            "name": "claimed",
            "ephemeral": {
                "volumeClaimTemplate": {
                    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1024Mi"}}}
                }
            },
        },
    ],
    "volumeMounts": [
        {"name": "scratch", "mountPath": "/scratch", "readOnly": False},
        {"name": "tls", "mountPath": "/etc/redis-client", "readOnly": True},
        {"name": "tls", "mountPath": "/one", "subPath": "tls.crt"},
    ],
}
PARTS = ("nodeSelector", "tolerations", "affinity", "topologySpreadConstraints", "priorityClassName", "volumes")


def env_of(template: Manifest) -> dict[str, Manifest]:
    return {item["name"]: item for item in template["spec"]["containers"][0]["env"]}


def writes_while(situation: Situation, seconds: float) -> list[str]:
    """The operator's writes of children during so many seconds."""
    log = situation.control_plane.audit.from_now()
    time.sleep(seconds)
    found = [request for request in log.writes(OPERATOR) if request.namespace == situation.namespace]
    return [f"{request.verb} {request.resource}" for request in found if request.resource in {"deployments", "secrets"}]


def message_of(situation: Situation, kind: str) -> str:
    return next(item["message"] for item in situation.status()["conditions"] if item["type"] == kind)


def test_all_fields_are_applied_and_removed_without_endless_writes(situation: Situation) -> None:
    situation.apply_relay(suspend=True)
    situation.wait_condition("Ready", "True", "Suspended")
    bare = situation.template()

    situation.apply_relay(suspend=True, podTemplate=FULL)
    template = eventually(lambda: situation.template() if "affinity" in situation.template()["spec"] else None)
    assert template["metadata"]["labels"].items() > {"team": "moderation", "empty": ""}.items()
    assert template["metadata"]["annotations"]["sidecar.istio.io/inject"] == "false"
    assert {"LOG_LEVEL", "EMPTY", "NODE", "PROXY", "MODE", "REDIS_URL"} <= env_of(template).keys()
    assert len(template["spec"]["tolerations"]) == 3
    assert len(template["spec"]["topologySpreadConstraints"]) == 2
    assert [volume["name"] for volume in template["spec"]["volumes"]] == [item["name"] for item in FULL["volumes"]]
    assert len(template["spec"]["containers"][0]["volumeMounts"]) == 3
    assert template["spec"]["imagePullSecrets"] == [{"name": "registry"}]
    assert writes_while(situation, 8) == []

    situation.apply_relay(suspend=True)
    eventually(lambda: situation.template()["spec"] == bare["spec"])
    assert situation.template()["metadata"] == bare["metadata"]
    assert writes_while(situation, 4) == []


def test_fields_are_removed_one_by_one(situation: Situation) -> None:
    env, tolerations = FULL["env"][:1], FULL["tolerations"][:1]
    situation.apply_relay(
        suspend=True, podTemplate={"labels": {"a": "1", "b": "2"}, "env": env, "tolerations": tolerations}
    )
    eventually(lambda: situation.template()["spec"]["tolerations"] == tolerations)
    situation.kubectl("rollout", "restart", f"deployment/{NAME}-firehose")
    situation.apply_relay(suspend=True, podTemplate={"labels": {"b": "2"}})
    found = eventually(lambda: None if "a" in situation.template()["metadata"]["labels"] else situation.template())
    assert found["metadata"]["labels"]["b"] == "2"
    assert "tolerations" not in found["spec"]
    assert "LOG_LEVEL" not in env_of(found)
    assert "kubectl.kubernetes.io/restartedAt" in found["metadata"]["annotations"]


def test_a_variable_changes_from_a_value_to_a_reference(situation: Situation) -> None:
    situation.apply_relay(suspend=True, podTemplate={"env": [{"name": "A", "value": "1"}]})
    eventually(lambda: env_of(situation.template())["A"] == {"name": "A", "value": "1"})
    reference = {"secretKeyRef": {"name": "mine", "key": "a"}}
    situation.apply_relay(suspend=True, podTemplate={"env": [{"name": "A", "valueFrom": reference}]})
    eventually(lambda: env_of(situation.template())["A"] == {"name": "A", "valueFrom": reference})


EDITS: dict[str, Callable[[Manifest], object]] = {
    "a toleration more": lambda spec: spec["tolerations"].append({"key": "other", "operator": "Exists"}),
    "no tolerations": lambda spec: spec.update(tolerations=None),
    "another affinity": lambda spec: spec["affinity"].update(podAntiAffinity=None),
    "another size": lambda spec: spec["volumes"][0]["emptyDir"].update(sizeLimit="2Gi"),
}


def test_foreign_edits_of_these_fields_are_reverted(situation: Situation) -> None:
    situation.apply_relay(suspend=True, podTemplate=FULL)
    before = eventually(lambda: situation.template() if "affinity" in situation.template()["spec"] else None)
    for name, edit in EDITS.items():
        spec = situation.template()["spec"]
        edit(spec)
        changed = {part: spec[part] for part in PARTS}
        situation.patch("Deployment", f"{NAME}-firehose", {"spec": {"template": {"spec": changed}}})
        eventually(lambda: situation.template()["spec"] == before["spec"])
        assert situation.template()["spec"] == before["spec"], name


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ({"affinity": {"nodeAffinity": {"required": {}}}}, ".affinity.nodeAffinity.required: field not declared"),
        ({"volumes": [{"name": "a", "secrt": {}}]}, '.volumes[name="a"].secrt: field not declared in schema'),
        ({"volumes": [{"name": "a", "emptyDir": {"sizeLimit": "lots"}}]}, "quantities must match"),
        (
            {"volumes": [{"name": "a", "emptyDir": {}, "secret": {"secretName": "b"}}]},
            "may not specify more than 1 volume type",
        ),
        (
            {"tolerations": [{"key": "a", "operator": "Exists", "value": "b"}]},
            "value must be empty when `operator` is 'Exists'",
        ),
        ({"labels": {"a/b/c": "d"}}, 'spec.template.labels: Invalid value: "a/b/c"'),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, str) else "",
)
def test_a_template_that_only_the_deployment_refuses_is_reported(
    situation: Situation, template: dict[str, Any], words: str
) -> None:
    situation.apply_relay(podTemplate=template)
    situation.wait_condition("Stalled", "True", "ChildRefused")
    assert words in message_of(situation, "Stalled")
    assert message_of(situation, "Stalled").startswith(f"The API server refuses Deployment {NAME}-firehose: ")
    situation.apply_relay()
    situation.wait_condition("Ready", "False", "PodNotRunning")
