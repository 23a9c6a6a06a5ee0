"""Parsing a Labeler: the fields of a Relay, with labels instead of events."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from sluice_operator.api.errors import InvalidResourceError
from sluice_operator.api.labeler import Labeler, LabelerSpec
from sluice_operator.api.relay import RelaySpec
from sluice_operator.kinds.labeler import LABELER
from sluice_operator.kinds.relay import RELAY

EXAMPLES = Path(__file__).parents[4] / "examples"


def body(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "sluice.dev/v1alpha1",
        "kind": "Labeler",
        "metadata": {"name": "moderation", "namespace": "events", "uid": "u-1", "generation": 3},
        "spec": {"host": "ozone.example.com", **spec},
    }


def test_only_the_host_is_required() -> None:
    spec = Labeler.parse(body()).spec.dump()
    assert spec["host"] == "ozone.example.com"
    assert spec["labels"] == {"startFrom": "oldest"}
    assert spec["suspend"] is False


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("labeler*.yaml")), ids=lambda path: path.name)
def test_the_example_has_no_unknown_field(path: Path) -> None:
    for example in yaml.safe_load_all(path.read_text(encoding="utf-8")):
        assert example["kind"] == LABELER.name
        LabelerSpec.model_validate(example["spec"], extra="forbid")


def test_a_labeler_has_the_common_fields_of_a_relay() -> None:
    relays_own = {"firehose", "backfill"}
    assert LabelerSpec.model_fields.keys() - {"labels"} == RelaySpec.model_fields.keys() - relays_own
    shown = [column.name for column in LABELER.columns]
    assert shown == [column.name for column in RELAY.columns if "backfill" not in column.path]


@pytest.mark.parametrize(("value", "read"), [("live", "live"), (7, "7"), ("7", "7")])
def test_a_valid_start_from(value: object, read: str) -> None:
    assert Labeler.parse(body(labels={"startFrom": value})).spec.labels.start_from == read


@pytest.mark.parametrize("value", ["0", 0, -1, "newest", ""])
def test_an_invalid_start_from_is_refused(value: object) -> None:
    with pytest.raises(InvalidResourceError, match=r"spec\.labels\.startFrom: .*give oldest, live"):
        Labeler.parse(body(labels={"startFrom": value}))


def test_a_status_is_read_back_unchanged() -> None:
    status = {
        "observedGeneration": 3,
        "labels": {"cursor": "1234", "lagSeconds": 0, "eventsPerSecond": 0.1},
        "restarts": {"count": 1, "inWindow": 0, "pods": [{"uid": "p-1", "component": "labeler", "restartCount": 1}]},
    }
    assert Labeler.parse({**body(), "status": status}).status.dump() == status


def test_an_unreadable_status_is_empty() -> None:
    found = {**body(host=""), "status": {"observedGeneration": 2, "host": "ozone.example.com"}}
    assert Labeler.parse_status(found).dump() == found["status"]
    assert Labeler.parse_status({**body(), "status": {"observedGeneration": "x"}}).dump() == {"observedGeneration": -1}
