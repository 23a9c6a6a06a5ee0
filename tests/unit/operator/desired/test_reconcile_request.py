"""The reconcile annotation, and its acknowledgement in the status."""

import pytest

from sluice_operator.api.relay import RelayStatus
from sluice_operator.desired.naming import RECONCILE_ANNOTATION
from sluice_operator.desired.reconcile_request import acknowledge, is_pending
from sluice_operator.status.transitions import is_unchanged, is_urgent, transition_events

NOTHING = RelayStatus()
ACKNOWLEDGED = RelayStatus(last_handled_reconcile_at="one")


@pytest.mark.parametrize(
    ("annotations", "status", "expected"),
    [
        (None, NOTHING, None),
        ({}, ACKNOWLEDGED, "one"),
        ({"other": "two"}, NOTHING, None),
        ({RECONCILE_ANNOTATION: ""}, NOTHING, None),
        ({RECONCILE_ANNOTATION: "one"}, NOTHING, "one"),
        ({RECONCILE_ANNOTATION: "two"}, ACKNOWLEDGED, "two"),
        ({RECONCILE_ANNOTATION: "x" * 300}, NOTHING, "x" * 256),
    ],
)
def test_a_request_is_acknowledged_once(
    annotations: dict[str, str] | None, status: RelayStatus, expected: str | None
) -> None:
    after = acknowledge(annotations, status)
    assert after.last_handled_reconcile_at == expected
    assert is_pending(annotations, status) is (after != status)
    assert not is_pending(annotations, after)
    assert after.dump().get("lastHandledReconcileAt") == expected


def test_an_acknowledgement_is_urgent_and_records_no_event() -> None:
    assert not is_unchanged(NOTHING, ACKNOWLEDGED)
    assert is_urgent(NOTHING, ACKNOWLEDGED)
    assert transition_events(NOTHING, ACKNOWLEDGED) == []
