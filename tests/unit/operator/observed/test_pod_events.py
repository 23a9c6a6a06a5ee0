"""Which Event of a pod explains why the pod does not start."""

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


def test_a_warning_that_is_not_repeated_expires() -> None:
    assert reason(event("FailedMount", seconds=299)) == "FailedMount"
    assert reason(event("FailedMount", seconds=301)) is None


def test_failed_scheduling_ends_once_the_pod_has_a_node() -> None:
    assert reason(event("FailedScheduling"), scheduled=False) == "FailedScheduling"
    assert reason(event("FailedScheduling")) is None


def test_the_time_of_an_event_series() -> None:
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
