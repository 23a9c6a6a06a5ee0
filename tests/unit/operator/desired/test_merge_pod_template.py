"""Merging spec.podTemplate: it adds to the operator's pod, and replaces nothing that the operator sets."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_operator.api.env import SPEC_FIELDS, EnvVar
from sluice_operator.api.errors import InvalidResourceError
from sluice_operator.api.labeler import Labeler
from sluice_operator.api.pod_template import PodTemplate
from sluice_operator.api.relay import Relay
from sluice_operator.api.source import Source
from sluice_operator.desired.deployment import build_deployment
from sluice_operator.desired.diff import Difference, find_differences
from sluice_operator.desired.ingester_defaults import IngesterDefaults
from sluice_operator.desired.merge_pod_template import merge_pod_template, without_defaults
from sluice_operator.desired.naming import REDIS_HASH_ANNOTATION
from sluice_operator.kinds.registry import KINDS

SETTINGS = IngesterDefaults(image="sluice:1", image_pull_secrets=("registry",))
METADATA = {"name": "us-east", "namespace": "events", "uid": "u-1"}
EVERYTHING = {
    "host": "relay.example.com",
    "redis": {"secretRef": {"name": "mine"}, "keyPrefix": "{s}:"},
    "onCursorLost": "Halt",
    "retention": {"trimConsumed": True},
    "caBundle": {"configMapRef": {"name": "ca"}},
}
RELAY = {
    **EVERYTHING,
    "firehose": {"deduplicate": {}, "syncEvents": "Emit", "resyncToBackfill": True},
    "backfill": {"enabled": True, "rescanIntervalSeconds": 60},
}


def relay(**spec: Any) -> Relay:
    return Relay.parse({"metadata": METADATA, "spec": {"host": "relay.example.com", **spec}})


def templates(source: Source) -> list[dict[str, Any]]:
    """The pod templates of all ingesters of a source."""
    return [
        build_deployment(source, stream, config_hashes={REDIS_HASH_ANNOTATION: "h"}, defaults=SETTINGS)["spec"][
            "template"
        ]
        for stream in KINDS[type(source).__name__].desired_streams(source)
    ]


def template(**fields: Any) -> dict[str, Any]:
    return templates(relay(caBundle=EVERYTHING["caBundle"], podTemplate=fields))[0]


def container(found: dict[str, Any]) -> dict[str, Any]:
    (only,) = found["spec"]["containers"]
    return dict(only)


BASE = template()


def test_without_pod_template_nothing_is_added() -> None:
    assert BASE["spec"].keys() == {
        "terminationGracePeriodSeconds",
        "automountServiceAccountToken",
        "enableServiceLinks",
        "securityContext",
        "containers",
        "imagePullSecrets",
        "volumes",
    }
    assert container(BASE)["resources"] == PodTemplate().resources.dump()


def test_lists_and_maps_are_extended() -> None:
    found = template(
        labels={"team": "data"},
        annotations={"note": "x"},
        env=[{"name": "LOG_LEVEL", "value": "debug"}],
        imagePullSecrets=[{"name": "mine"}, {"name": "registry"}],
        volumes=[{"name": "tls", "secret": {"secretName": "tls"}}],
        volumeMounts=[{"name": "tls", "mountPath": "/tls", "readOnly": True}],
    )
    assert found["metadata"]["labels"] == {**BASE["metadata"]["labels"], "team": "data"}
    assert found["metadata"]["annotations"] == {**BASE["metadata"]["annotations"], "note": "x"}
    assert container(found)["env"] == [*container(BASE)["env"], {"name": "LOG_LEVEL", "value": "debug"}]
    assert found["spec"]["imagePullSecrets"] == [{"name": "registry"}, {"name": "mine"}]
    assert [volume["name"] for volume in found["spec"]["volumes"]] == ["ca-bundle", "tls"]
    assert [mount["mountPath"] for mount in container(found)["volumeMounts"]] == ["/etc/sluice/ca", "/tls"]


def test_a_topology_spread_selects_all_ingesters_by_default() -> None:
    (found,) = template(topologySpreadConstraints=[{"topologyKey": "zone"}])["spec"]["topologySpreadConstraints"]
    assert found == {
        "topologyKey": "zone",
        "whenUnsatisfiable": "ScheduleAnyway",
        "maxSkew": 1,
        "labelSelector": {"matchLabels": {"app.kubernetes.io/name": "sluice-ingester"}},
    }
    assert found["labelSelector"]["matchLabels"].items() <= BASE["metadata"]["labels"].items()


def test_every_ingester_of_a_source_gets_the_pod_template() -> None:
    source = Relay.parse({"metadata": METADATA, "spec": {**RELAY, "podTemplate": {"labels": {"team": "data"}}}})
    assert [found["metadata"]["labels"]["team"] for found in templates(source)] == ["data", "data"]


def test_a_variable_that_the_operator_sets_is_refused() -> None:
    """A new variable needs a field in `env.SPEC_FIELDS`, or is reserved."""
    sources: list[Source] = [
        Relay.parse({"metadata": METADATA, "spec": RELAY}),
        Labeler.parse({"metadata": METADATA, "spec": EVERYTHING}),
    ]
    ours = {item["name"] for source in sources for found in templates(source) for item in container(found)["env"]}
    assert ours >= SPEC_FIELDS.keys() - {"INGESTER_CA_BUNDLE"}
    for name in ours:
        with pytest.raises(InvalidResourceError, match=name if name in SPEC_FIELDS else "reserved for the operator"):
            relay(podTemplate={"env": [{"name": name, "value": "x"}]})


def test_an_unvalidated_pod_template_replaces_nothing() -> None:
    hostile = PodTemplate.model_construct(
        labels={"app.kubernetes.io/name": "mine"},
        env=(EnvVar.model_construct(name="REDIS_URL", value="redis://mine"),),
    )
    found = merge_pod_template(BASE, hostile.model_copy(update={"resources": PodTemplate().resources}))
    assert found["metadata"]["labels"] == BASE["metadata"]["labels"]
    assert container(found)["env"] == container(BASE)["env"]


def test_values_that_the_api_server_drops_are_not_desired() -> None:
    fields = {"a": None, "b": False, "c": [], "d": {}, "e": 0, "f": "", "g": [{"h": False, "i": 1}], "j": True}
    assert without_defaults(fields) == {"d": {}, "e": 0, "f": "", "g": [{"i": 1}], "j": True}


NAMES = st.text("abcde", min_size=1, max_size=5)
VALUES = st.text("abc012", max_size=5)
MAPS = st.dictionaries(NAMES, VALUES, max_size=4)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


@st.composite
def pod_templates(draw: st.DrawFn) -> dict[str, Any]:
    """Pod templates that the schema accepts. The API server may refuse some of them in a Deployment."""
    volumes = draw(st.lists(NAMES, unique=True, max_size=4))
    mounted = draw(st.lists(st.sampled_from(volumes), max_size=4)) if volumes else []
    env = draw(MAPS)
    return {
        "labels": draw(MAPS),
        "annotations": draw(MAPS),
        "env": [{"name": name.upper(), "value": value} for name, value in env.items()],
        "nodeSelector": draw(MAPS),
        "tolerations": [{"key": key, "operator": "Exists"} for key in draw(st.lists(NAMES, max_size=3))],
        "affinity": {"nodeAffinity": draw(st.dictionaries(NAMES, JSON, max_size=3))},
        "volumes": [{"name": name, "secret": draw(st.dictionaries(NAMES, JSON, max_size=3))} for name in volumes],
        "volumeMounts": [{"name": name, "mountPath": f"/m/{place}"} for place, name in enumerate(mounted)],
    }


def stored(value: Any) -> Any:
    """`value` as an API server returns it: without empty fields."""
    if isinstance(value, dict):
        return {name: stored(field) for name, field in value.items() if field not in (None, "", [], {})}
    return [stored(item) for item in value] if isinstance(value, list) else value


def differences(live: dict[str, Any], wanted: dict[str, Any]) -> list[Difference]:
    parts = ({"metadata": {}, "spec": {"template": template}} for template in (live, wanted))
    return find_differences(*parts)


@given(pod_templates())
def test_any_pod_template_keeps_the_operators_fields(fields: dict[str, Any]) -> None:
    found = merge_pod_template(BASE, PodTemplate.model_validate(fields))
    assert all(difference.desired is None for difference in differences(found, BASE))
    assert found["metadata"]["labels"].items() >= fields["labels"].items()
    assert container(found)["env"] == [*container(BASE)["env"], *fields["env"]]


@given(pod_templates())
def test_a_stored_pod_template_has_no_drift(fields: dict[str, Any]) -> None:
    found = merge_pod_template(BASE, PodTemplate.model_validate(fields))
    assert differences(stored(found), found) == []


@given(pod_templates())
def test_merging_is_idempotent(fields: dict[str, Any]) -> None:
    wanted = PodTemplate.model_validate(fields)
    once = merge_pod_template(BASE, wanted)
    assert merge_pod_template(once, wanted) == once
