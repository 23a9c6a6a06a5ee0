"""Removing status fields that somebody else wrote."""

from typing import Any

import pytest

from sluice_operator.api.relay import RelayStatus
from sluice_operator.status.foreign_fields import removal_patch
from tests.unit.operator.status.situations import after, facts

READY = {"type": "Ready", "status": "True"}
STALLED = {"type": "Stalled", "status": "True"}
FOREIGN = {"type": "example.com/Approved", "status": "True"}
WANTED: dict[str, Any] = {
    "host": "a",
    "conditions": [READY],
    "firehose": {"cursor": "12", "consumerGroups": [{"name": "one"}]},
}


def test_fields_of_the_operator_are_not_removed() -> None:
    status = after(facts()).dump()
    assert removal_patch(status, status) == {}
    reordered = {**WANTED, "conditions": [FOREIGN, READY]}
    assert removal_patch(reordered, WANTED) == {}, "a condition of others is theirs"


@pytest.mark.parametrize(
    ("foreign", "patch"),
    [
        ({"image": "old:1"}, {"image": None}),
        ({"backfill": {"done": True}}, {"backfill": None}),
        ({"firehose": {**WANTED["firehose"], "lag": "3d"}}, {"firehose": {"lag": None}}),
        (
            {"firehose": {"cursor": "12", "consumerGroups": [{"name": "one"}, {"name": "two"}]}},
            {"firehose": {"consumerGroups": [{"name": "one"}]}},
        ),
        ({"conditions": [READY, STALLED]}, {"conditions": [READY]}),
        ({"conditions": [FOREIGN, STALLED, READY]}, {"conditions": [READY, FOREIGN]}),
        ({"conditions": [{**READY, "observedGeneration": 7}]}, {"conditions": [READY]}),
    ],
)
def test_foreign_fields_are_removed(foreign: dict[str, Any], patch: dict[str, Any]) -> None:
    assert removal_patch(WANTED | foreign, WANTED) == patch


def test_foreign_conditions_are_ignored_when_read() -> None:
    theirs = {**FOREIGN, "reason": "Ok", "message": "", "lastTransitionTime": "2026-11-24T12:00:00Z"}
    status = after(facts())
    dumped = status.dump()
    assert RelayStatus.model_validate({**dumped, "conditions": [theirs, *dumped["conditions"]]}) == status
