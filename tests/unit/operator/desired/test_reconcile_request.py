"""A request to look at a resource, and the answer to it."""

import pytest

from sluice_operator.api.relay import RelayStatus
from sluice_operator.desired.naming import RECONCILE_ANNOTATION
from sluice_operator.desired.reconcile_request import acknowledge, is_pending
from sluice_operator.status.transitions import is_unchanged, is_urgent, transition_events

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
    after = acknowledge(annotations, status)
    assert after.last_handled_reconcile_at == expected
    assert is_pending(annotations, status) is (after != status)
    assert not is_pending(annotations, after)
    assert after.dump().get("lastHandledReconcileAt") == expected


def test_an_answer_does_not_wait_and_is_no_event() -> None:
    assert not is_unchanged(NOTHING, ANSWERED)
    assert is_urgent(NOTHING, ANSWERED)
    assert transition_events(NOTHING, ANSWERED) == []
