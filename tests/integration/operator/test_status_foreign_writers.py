"""Others write to the status of a resource, which only the operator should write."""

import time

from sluice_redis.contract import SourceState
from tests.integration.operator.control_plane import OPERATOR
from tests.integration.operator.situation import NAME, Situation, eventually, now

FOREIGN = "example.com/Approved"


def condition(kind: str) -> dict[str, str]:
    return {"type": kind, "status": "True", "reason": "Given", "message": "by hand", "lastTransitionTime": now()}


def write(situation: Situation, *kinds: str, **fields: object) -> None:
    """Write to the status as `kubectl edit --subresource=status` or a restored backup does."""
    conditions = [*situation.status()["conditions"], *map(condition, kinds)]
    situation.patch("Relay", NAME, {"status": {**fields, "conditions": conditions}}, subresource="status")


def writes_while_nothing_happens(situation: Situation) -> list[str]:
    pod = situation.pod()
    situation.report(SourceState.STREAMING, pod=pod)
    situation.wait_reconciled(10)  # then the numbers of earlier changes are written
    log = situation.control_plane.audit.from_now()
    for _ in range(5):
        time.sleep(1)
        situation.report(SourceState.STREAMING, pod=pod)
    return [request.resource for request in log.writes(OPERATOR) if request.namespace == situation.namespace]


def test_fields_of_the_operator_are_restored(situation: Situation) -> None:
    situation.apply_relay()
    situation.stream()
    good = situation.status()
    stray = {"uid": "of-another-cluster", "name": "gone", "component": "firehose", "restartCount": 3}
    write(
        situation,
        "Stalled",
        firehose={"message": "it is all well", "lastError": "of another time"},
        backfill={"done": True},
        restarts={"pods": [*good["restarts"]["pods"], stray]},
    )

    def is_restored() -> bool:
        status = situation.status()
        assert {item["type"] for item in status["conditions"]} == {item["type"] for item in good["conditions"]}
        assert not {"message", "lastError"} & status["firehose"].keys()
        assert "backfill" not in status
        assert status["restarts"] == good["restarts"]
        return True

    eventually(is_restored)
    assert writes_while_nothing_happens(situation) == []


def test_a_foreign_condition_stays(situation: Situation) -> None:
    situation.apply_relay()
    situation.stream()
    write(situation, FOREIGN)
    assert writes_while_nothing_happens(situation) == []
    situation.report(SourceState.WAITING, "ConnectionLost", "the source closed the connection")
    situation.wait_condition("Connected", "False", "ConnectionLost")
    theirs = [item for item in situation.status()["conditions"] if item["type"] == FOREIGN]
    assert [item["message"] for item in theirs] == ["by hand"]
