"""Reading a Labeler: all that a Relay has, with labels in the place of events."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from sluice_operator.api.errors import InvalidResourceError
from sluice_operator.api.labeler import Labeler, LabelerSpec
from sluice_operator.api.relay import RelaySpec
from sluice_operator.kinds.labeler import LABELER
from sluice_operator.kinds.relay import RELAY

EXAMPLE = Path(__file__).parents[4] / "examples" / "labeler.yaml"


def body(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "sluice.dev/v1alpha1",
        "kind": "Labeler",
        "metadata": {"name": "moderation", "namespace": "events", "uid": "u-1", "generation": 3},
        "spec": {"host": "ozone.example.com", **spec},
    }


def test_a_host_is_enough() -> None:
    spec = Labeler.parse(body()).spec.dump()
    assert spec["host"] == "ozone.example.com"
    assert spec["labels"] == {"startFrom": "oldest"}
    assert spec["suspend"] is False


def test_the_example_holds_no_unknown_field() -> None:
    example = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    assert example["kind"] == LABELER.name
    LabelerSpec.model_validate(example["spec"], extra="forbid")


def test_it_has_what_a_relay_has() -> None:
    relays_own = {"firehose", "backfill"}
    assert LabelerSpec.model_fields.keys() - {"labels"} == RelaySpec.model_fields.keys() - relays_own
    shown = [column.name for column in LABELER.columns]
    assert shown == [column.name for column in RELAY.columns if "backfill" not in column.path]


@pytest.mark.parametrize(("given", "read"), [("live", "live"), (7, "7"), ("7", "7")])
def test_start_from(given: object, read: str) -> None:
    assert Labeler.parse(body(labels={"startFrom": given})).spec.labels.start_from == read


@pytest.mark.parametrize("given", ["0", 0, -1, "newest", ""])
def test_start_from_refused(given: object) -> None:
    with pytest.raises(InvalidResourceError, match=r"spec\.labels\.startFrom: .*give oldest, live"):
        Labeler.parse(body(labels={"startFrom": given}))


def test_a_status_comes_back_as_it_was_written() -> None:
    status = {
        "observedGeneration": 3,
        "labels": {"cursor": "1234", "lagSeconds": 0, "eventsPerSecond": 0.1},
        "restarts": {"count": 1, "inWindow": 0, "pods": [{"uid": "p-1", "component": "labeler", "restartCount": 1}]},
    }
    assert Labeler.parse({**body(), "status": status}).status.dump() == status


def test_the_status_of_what_can_not_be_understood() -> None:
    found = {**body(host=""), "status": {"observedGeneration": 2, "host": "ozone.example.com"}}
    assert Labeler.parse_status(found).dump() == found["status"]
    assert Labeler.parse_status({**body(), "status": {"observedGeneration": "x"}}).dump() == {"observedGeneration": -1}
