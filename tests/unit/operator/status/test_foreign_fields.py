"""Fields that somebody else has written into a status."""

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


def test_what_the_operator_itself_wrote_is_none() -> None:
    status = after(facts()).dump()
    assert removal_patch(status, status) == {}
    turned = {**WANTED, "conditions": [FOREIGN, READY]}
    assert removal_patch(turned, WANTED) == {}, "a condition of others is theirs"


@pytest.mark.parametrize(
    ("stray", "patch"),
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
def test_what_is_taken_out(stray: dict[str, Any], patch: dict[str, Any]) -> None:
    assert removal_patch(WANTED | stray, WANTED) == patch


def test_a_condition_of_others_is_not_read() -> None:
    theirs = {**FOREIGN, "reason": "Ok", "message": "", "lastTransitionTime": "2026-11-24T12:00:00Z"}
    status = after(facts())
    dumped = status.dump()
    assert RelayStatus.model_validate({**dumped, "conditions": [theirs, *dumped["conditions"]]}) == status
