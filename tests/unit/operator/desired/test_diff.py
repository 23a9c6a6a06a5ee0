"""Drift: what other people change is found, and what the API server or another controller adds is not."""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from sluice_operator.api.relay import Relay
from sluice_operator.desired.deployment import build_deployment
from sluice_operator.desired.diff import find_differences
from sluice_operator.desired.field_paths import with_value
from sluice_operator.desired.ingester_defaults import IngesterDefaults
from sluice_operator.desired.naming import REDIS_HASH_ANNOTATION
from sluice_operator.desired.relay_streams import firehose_stream

Path_ = tuple[Any, ...]
BUNDLE = {"configMapRef": {"name": "ca"}}


def desired(**spec: Any) -> dict[str, Any]:
    metadata = {"name": "us-east", "namespace": "events", "uid": "u-1"}
    relay = Relay.parse({"metadata": metadata, "spec": {"host": "relay.example.com", **spec}})
    return build_deployment(
        relay,
        firehose_stream(relay),
        config_hashes={REDIS_HASH_ANNOTATION: "h"},
        defaults=IngesterDefaults(image="sluice:1"),
    )


def covers(live: Any, wanted: Any) -> bool:
    """Whether the live part of a spec has no drift."""
    return not find_differences({"metadata": {}, "spec": live}, {"metadata": {}, "spec": wanted})


def stored(manifest: dict[str, Any]) -> dict[str, Any]:
    """`manifest` with fields that an API server, other controllers and people may add."""
    live = copy.deepcopy(manifest)
    live["metadata"] |= {"resourceVersion": "7", "uid": "d-1", "managedFields": [], "generation": 1}
    live["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "1"
    live["status"] = {"readyReplicas": 1}
    live["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"] = "x"
    live["metadata"]["labels"]["team"] = "data"
    live["metadata"]["ownerReferences"].append({"uid": "u-9", "kind": "Team", "name": "data", "apiVersion": "v1"})
    live["spec"] |= {"progressDeadlineSeconds": 600, "revisionHistoryLimit": 10}
    template = live["spec"]["template"]
    template["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"] = "2026-11-24T20:39:00Z"
    template["metadata"]["creationTimestamp"] = None
    template["spec"] |= {"restartPolicy": "Always", "dnsPolicy": "ClusterFirst", "schedulerName": "default-scheduler"}
    container = template["spec"]["containers"][0]
    container["imagePullPolicy"] = "IfNotPresent"
    container["livenessProbe"]["successThreshold"] = 1
    container["terminationMessagePath"] = "/dev/termination-log"
    container["terminationMessagePolicy"] = "File"
    container["env"].reverse()
    return live


def container_of(live: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = live["spec"]["template"]["spec"]["containers"][0]
    return result


def pod_of(live: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = live["spec"]["template"]["spec"]
    return result


def env_of(live: dict[str, Any], name: str) -> dict[str, Any]:
    result: dict[str, Any] = next(item for item in container_of(live)["env"] if item["name"] == name)
    return result


def test_the_applied_object_has_no_drift() -> None:
    assert find_differences(desired(), desired()) == []


def test_fields_that_others_may_add_are_no_drift() -> None:
    assert find_differences(stored(desired(caBundle=BUNDLE)), desired(caBundle=BUNDLE)) == []


EDITS: dict[str, Callable[[dict[str, Any]], object]] = {
    "replicas": lambda live: live["spec"].update(replicas=3),
    "replicas removed": lambda live: live["spec"].pop("replicas"),
    "pause": lambda live: live["spec"].update(paused=True),
    "image": lambda live: container_of(live).update(image="other"),
    "command": lambda live: container_of(live)["command"].append("--debug"),
    "env value": lambda live: env_of(live, "INGESTER_BATCH_SIZE").update(value="1"),
    "env removed": lambda live: container_of(live)["env"].remove(env_of(live, "REDIS_URL")),
    "secret": lambda live: env_of(live, "REDIS_URL")["valueFrom"]["secretKeyRef"].update(name="other"),
    "memory": lambda live: container_of(live)["resources"]["limits"].update(memory="1Gi"),
    "request removed": lambda live: container_of(live)["resources"]["requests"].pop("cpu"),
    "resources removed": lambda live: container_of(live).pop("resources"),
    "privilege": lambda live: container_of(live)["securityContext"].update(readOnlyRootFilesystem=False),
    "capability": lambda live: container_of(live)["securityContext"]["capabilities"].update(drop=[]),
    "probe": lambda live: container_of(live)["livenessProbe"]["httpGet"].update(path="/"),
    "port": lambda live: container_of(live)["ports"][0].update(containerPort=80),
    "strategy": lambda live: live["spec"].update(strategy={"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}),
    "field of another strategy": lambda live: live["spec"]["strategy"].update(rollingUpdate={"maxSurge": 1}),
    "label": lambda live: live["metadata"]["labels"].pop("sluice.dev/relay"),
    "owner": lambda live: live["metadata"].pop("ownerReferences"),
    "owner of another uid": lambda live: live["metadata"]["ownerReferences"][0].update(uid="u-2"),
    "redis hash": lambda live: live["spec"]["template"]["metadata"]["annotations"].update(
        {"sluice.dev/redis-secret-hash": "other"}
    ),
    "container removed": lambda live: live["spec"]["template"]["spec"]["containers"].pop(0),
    "an additional variable": lambda live: container_of(live)["env"].append({"name": "PROXY", "value": "x"}),
    "a variable twice": lambda live: container_of(live)["env"].append(env_of(live, "INGESTER_MODE")),
    "an additional container": lambda live: pod_of(live)["containers"].insert(0, {"name": "sidecar", "image": "mesh"}),
    "an init container": lambda live: pod_of(live).update(initContainers=[{"name": "init", "image": "mesh"}]),
    "arguments": lambda live: container_of(live).update(args=["--debug"]),
    "a user": lambda live: pod_of(live)["securityContext"].update(fsGroup=1),
    "a network": lambda live: pod_of(live).update(hostNetwork=True),
    "no user namespace": lambda live: pod_of(live).update(hostUsers=False),
    "a pull policy": lambda live: container_of(live).update(imagePullPolicy="Always"),
    "a DNS policy": lambda live: pod_of(live).update(dnsPolicy="Default"),
    "a toleration": lambda live: pod_of(live).update(tolerations=[{"operator": "Exists"}]),
    "a node": lambda live: pod_of(live).update(nodeSelector={"zone": "a"}),
    "an annotation of the pod": lambda live: live["spec"]["template"]["metadata"]["annotations"].update(reloaded="1"),
    "a label of the pod": lambda live: live["spec"]["template"]["metadata"]["labels"].update(team="data"),
    "a deadline": lambda live: live["spec"].update(progressDeadlineSeconds=10),
    "a history": lambda live: live["spec"].update(revisionHistoryLimit=0),
    "a wait": lambda live: live["spec"].update(minReadySeconds=60),
    "mount": lambda live: container_of(live)["volumeMounts"][0].update(mountPath="/tmp"),  # noqa: S108
    "volume": lambda live: live["spec"]["template"]["spec"]["volumes"][0]["configMap"].update(name="other"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_is_drift(edit: str) -> None:
    live = stored(desired(caBundle=BUNDLE))
    EDITS[edit](live)
    assert find_differences(live, desired(caBundle=BUNDLE))


def test_a_field_that_is_no_longer_desired_is_drift() -> None:
    assert find_differences(stored(desired(caBundle=BUNDLE)), desired())


@pytest.mark.parametrize(
    ("live", "wanted"),
    [
        ({"limits": {"cpu": "50m"}}, {"limits": {"cpu": "0.05"}}),
        ({"limits": {"cpu": "1"}}, {"limits": {"cpu": 1}}),
        ({"limits": {"memory": "1Gi"}}, {"limits": {"memory": "1024Mi"}}),
        ({"env": [{"name": "A"}]}, {"env": [{"name": "A", "value": ""}]}),
        ({"a": {}}, {"a": {}}),
        ({"items": [1, 2]}, {"items": [1, 2]}),
        ({"sizeLimit": "1Gi"}, {"sizeLimit": "1024Mi"}),
        ({}, {"emptyDir": {}}),
        ({}, {"items": []}),
        (
            {"taints": [{"key": "a", "effect": "x"}, {"key": "a"}]},
            {"taints": [{"key": "a", "effect": "x"}, {"key": "a"}]},
        ),
        (
            {
                "spread": [
                    {"topologyKey": "z", "whenUnsatisfiable": "B"},
                    {"topologyKey": "z", "whenUnsatisfiable": "A"},
                ]
            },
            {
                "spread": [
                    {"topologyKey": "z", "whenUnsatisfiable": "A"},
                    {"topologyKey": "z", "whenUnsatisfiable": "B"},
                ]
            },
        ),
        ({}, {"gone": None}),
        ({"gone": None}, {"gone": None}),
    ],
)
def test_equivalent_values_are_no_drift(live: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert covers(live, wanted)


@pytest.mark.parametrize(
    ("live", "wanted"),
    [
        ({"limits": {"cpu": "51m"}}, {"limits": {"cpu": "0.05"}}),
        ({"limits": None}, {"limits": {"cpu": "0.05"}}),
        ({"items": [{"x": 1, "y": 2}]}, {"items": [{"x": 1}]}),
        ({"env": [{"name": "A"}, {"name": "B"}]}, {"env": [{"name": "A"}]}),
        ({"env": [{"name": "A"}, {"name": "A"}]}, {"env": [{"name": "A"}]}),
        ({"flag": False}, {}),
        ({"count": 0}, {}),
        ({"namespaceSelector": {}}, {}),
        ({}, {"labelSelector": {}}),
        ({"port": "80"}, {"port": 80}),
        ({"flag": 1}, {"flag": True}),
        ({"items": [1]}, {"items": [1, 2]}),
        ({"items": [2, 1]}, {"items": [1, 2]}),
        ({"items": "ab"}, {"items": ["a", "b"]}),
        ({"items": None}, {"items": [{"name": "a"}]}),
        ({"items": [{"x": 1}, {"x": 2}]}, {"items": [{"x": 1}]}),
        ({"a": 1}, {"a": {"b": 1}}),
        ({"sizeLimit": "2Gi"}, {"sizeLimit": "1024Mi"}),
        ({"sizeLimit": "much"}, {"sizeLimit": "1024Mi"}),
        ({"taints": [{"key": "a"}, {"key": "b"}]}, {"taints": [{"key": "a"}]}),
        ({"taints": [{"key": "b"}, {"key": "a"}]}, {"taints": [{"key": "a"}, {"key": "b"}]}),
        (None, {"a": 1}),
    ],
)
def test_different_values_are_drift(live: Any, wanted: dict[str, Any]) -> None:
    assert not covers(live, wanted)


FULL = yaml.safe_load((Path(__file__).parents[4] / "examples" / "relay-full.yaml").read_text())["spec"]


def places(node: Any, path: Path_ = ()) -> Iterator[Path_]:
    """The paths of all fields and list items of an object."""
    if path:
        yield path
    if isinstance(node, dict):
        for name, field in node.items():
            yield from places(field, (*path, name))
    if isinstance(node, list):
        for place, item in enumerate(node):
            yield from places(item, (*path, place))


def edited(node: Any, path: Path_, change: Callable[[Any], Any]) -> Any:
    """`node` with the value at `path` changed. None removes it."""
    first, *rest = path
    result = copy.copy(node)
    value = edited(node[first], tuple(rest), change) if rest else change(node[first])
    if value is None:
        del result[first]
    else:
        result[first] = value
    return result


def _at(node: Any, path: Path_) -> Any:
    for step in path:
        node = node[step]
    return node


def is_empty(value: Any) -> bool:
    return value in (None, "", [], {})


SPEC = desired(**{name: value for name, value in FULL.items() if name != "host"})["spec"]
PLACES = [place for place in places(SPEC) if not is_empty(_at(SPEC, place))]
VALUES = st.one_of(
    st.integers(), st.booleans(), st.text(min_size=1), st.lists(st.integers(), min_size=1), st.just({"a": {"b": 1}})
)


@given(st.sampled_from(PLACES), VALUES)
def test_any_changed_field_is_drift(place: Path_, value: Any) -> None:
    before = _at(SPEC, place)
    assume(type(value) is not type(before) or value != before)
    assume(str(value) != str(before))  # the same quantity as text
    assert not covers(edited(SPEC, place, lambda _: value), SPEC)


@given(st.sampled_from(PLACES))
def test_any_removed_field_is_drift(place: Path_) -> None:
    live = edited(SPEC, place, lambda _: None)
    # Without these fields, the default applies, which is the desired value.
    default = place[-1] in {"schedulerName", "dnsPolicy", "maxSkew", "protocol", "imagePullPolicy"}
    if not default:
        assert not covers(live, SPEC)


@given(st.sampled_from([place for place in places(SPEC) if isinstance(_at(SPEC, place), dict)]), VALUES)
def test_any_added_field_is_drift(place: Path_, value: Any) -> None:
    added = edited(SPEC, place, lambda fields: {**fields, "zz": value})
    assert not covers(added, SPEC)


@given(st.sampled_from(PLACES), VALUES, st.sampled_from(PLACES))
def test_setting_every_difference_removes_the_drift(place: Path_, value: Any, gone: Path_) -> None:
    live: Any = {"metadata": {}, "spec": edited(SPEC, place, lambda _: value)}
    if gone[: len(place)] != place:
        live["spec"] = edited(live["spec"], gone, lambda _: None)
    wanted = {"metadata": {}, "spec": SPEC}
    for difference in find_differences(live, wanted):
        live = with_value(live, difference.path, difference.desired)
    assert find_differences(live, wanted) == []
