"""Which Event of a pod explains why it does not start."""

from typing import Any

from sluice_operator.observed.pod_events import newest_warning
from tests.unit.operator.status.situations import NOW, ago


def event(reason: str, *, seconds: float = 5, kind: str = "Warning", **more: Any) -> dict[str, Any]:
    when = ago(seconds).isoformat()
    return {"type": kind, "reason": reason, "message": f"words of {reason}", "lastTimestamp": when, **more}


def reason(*events: dict[str, Any], scheduled: bool = True) -> str | None:
    found = newest_warning(events, scheduled=scheduled, now=NOW)
    return None if found is None else found.reason


def test_the_newest_warning_counts() -> None:
    assert reason(event("FailedMount", seconds=60), event("FailedCreatePodSandBox", seconds=5)) == (
        "FailedCreatePodSandBox"
    )
    assert reason(event("Scheduled", kind="Normal")) is None
    assert reason() is None


def test_what_is_no_longer_repeated_is_over() -> None:
    assert reason(event("FailedMount", seconds=299)) == "FailedMount"
    assert reason(event("FailedMount", seconds=301)) is None


def test_that_no_node_took_it_is_over_once_it_has_one() -> None:
    assert reason(event("FailedScheduling"), scheduled=False) == "FailedScheduling"
    assert reason(event("FailedScheduling")) is None


def test_times_of_newer_kinds_of_event() -> None:
    newer = {
        "type": "Warning",
        "reason": "FailedMount",
        "message": "words",
        "lastTimestamp": None,
        "eventTime": ago(400).isoformat(),
        "series": {"count": 4, "lastObservedTime": ago(10).isoformat()},
    }
    found = newest_warning([newer], scheduled=True, now=NOW)
    assert found is not None
    assert (found.first, found.last) == (ago(400), ago(10))
