"""A request to look at a resource, and the answer to it."""

import pytest

from sluice_operator.api.relay import RelayStatus
from sluice_operator.desired.naming import RECONCILE_ANNOTATION
from sluice_operator.desired.reconcile_request import answered, is_new
from sluice_operator.status.transitions import same, tell, urgent

NOTHING = RelayStatus()
ANSWERED = RelayStatus(last_handled_reconcile_at="one")


@pytest.mark.parametrize(
    ("annotations", "status", "expected"),
    [
        (None, NOTHING, None),
        ({}, ANSWERED, "one"),
        ({"other": "two"}, NOTHING, None),
        ({RECONCILE_ANNOTATION: ""}, NOTHING, None),
        ({RECONCILE_ANNOTATION: "one"}, NOTHING, "one"),
        ({RECONCILE_ANNOTATION: "two"}, ANSWERED, "two"),
        ({RECONCILE_ANNOTATION: "x" * 300}, NOTHING, "x" * 256),
    ],
)
def test_it_is_answered_once(annotations: dict[str, str] | None, status: RelayStatus, expected: str | None) -> None:
    after = answered(annotations, status)
    assert after.last_handled_reconcile_at == expected
    assert is_new(annotations, status) is (after != status)
    assert not is_new(annotations, after)
    assert after.dump().get("lastHandledReconcileAt") == expected


def test_an_answer_does_not_wait_and_is_no_event() -> None:
    assert not same(NOTHING, ANSWERED)
    assert urgent(NOTHING, ANSWERED)
    assert tell(NOTHING, ANSWERED) == []
