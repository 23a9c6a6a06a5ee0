"""The children of a Labeler. Their names differ from those of a Relay with the same name."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from sluice_operator.api.labeler import Labeler
from sluice_operator.api.relay import Relay
from sluice_operator.desired.deployment import build_deployment
from sluice_operator.desired.ingester_defaults import IngesterDefaults
from sluice_operator.desired.naming import REDIS_HASH_ANNOTATION
from sluice_operator.kinds.registry import KINDS

EXAMPLE = Path(__file__).parents[4] / "examples" / "labeler.yaml"


def labeler(**spec: Any) -> Labeler:
    body = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    body["metadata"] |= {"namespace": "events", "uid": "u-1"}
    body["spec"] |= spec
    return Labeler.parse(body)


def deployment(source: Labeler) -> dict[str, Any]:
    (stream,) = KINDS[type(source).__name__].desired_streams(source)
    return build_deployment(
        source, stream, config_hashes={REDIS_HASH_ANNOTATION: "h"}, defaults=IngesterDefaults(image="sluice:1")
    )


def env(source: Labeler) -> dict[str, str]:
    (container,) = deployment(source)["spec"]["template"]["spec"]["containers"]
    return {item["name"]: item.get("value", "") for item in container["env"]}


def test_the_ingester_reads_labels() -> None:
    found = env(labeler())
    assert found["INGESTER_MODE"] == "labeler"
    assert found["INGESTER_LABELER_HOSTS"] == "ozone.example.com"
    assert found["INGESTER_START_FROM"] == "oldest"
    assert not [name for name in found if "RELAY" in name or "COLLECTIONS" in name]
    assert env(labeler(labels={"startFrom": 7}))["INGESTER_START_FROM"] == "7"


def test_the_names_and_labels_of_the_deployment() -> None:
    found = deployment(labeler())
    assert found["metadata"]["name"] == "moderation-labels"
    (owner,) = found["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"]) == ("Labeler", "moderation", "u-1")
    pod = found["spec"]["template"]["metadata"]["labels"]
    assert pod == found["spec"]["selector"]["matchLabels"] | {
        "app.kubernetes.io/managed-by": "sluice-operator",
        "sluice.dev/labeler": "moderation",
    }
    assert pod["app.kubernetes.io/component"] == "labeler"


@pytest.mark.parametrize(("suspend", "replicas"), [(False, 1), (True, 0)])
def test_suspend_sets_the_replicas(*, suspend: bool, replicas: int) -> None:
    assert deployment(labeler(suspend=suspend))["spec"]["replicas"] == replicas


def test_children_of_a_relay_of_the_same_name_have_other_names() -> None:
    relay = Relay.parse({"metadata": labeler().metadata.dump(), "spec": {"host": "relay.example.com"}})
    settings = IngesterDefaults(image="sluice:1")
    relays = [
        build_deployment(relay, stream, config_hashes={REDIS_HASH_ANNOTATION: "h"}, defaults=settings)
        for stream in KINDS[type(relay).__name__].desired_streams(relay)
    ]
    mine = [deployment(labeler())]
    names = [(child["kind"], child["metadata"]["name"]) for child in (*relays, *mine)]
    assert len(set(names)) == len(names)
    selectors = [str(child["spec"]["selector"]) for child in (*relays, *mine) if "spec" in child]
    assert len(set(selectors)) == len(selectors)
