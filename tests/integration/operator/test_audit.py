"""The reader of the audit log, while the API server writes it."""

import json
from pathlib import Path

from tests.integration.operator.audit import AuditLog


def line(user: str) -> str:
    moment = "2026-01-01T00:00:00.000000Z"
    times = {"requestReceivedTimestamp": moment, "stageTimestamp": moment}
    return json.dumps({"verb": "get", "user": {"username": user}, "objectRef": {"resource": "pods"}, **times}) + "\n"


def test_a_log_begins_after_a_line_that_is_half_written(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    path.write_text(line("first") + line("second")[:40])
    log = AuditLog(path).from_now()
    path.write_text("".join(map(line, ("first", "second", "third"))))
    assert [request.user for request in log.requests()] == ["third"]


def test_a_log_begins_after_the_last_whole_line(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    path.write_text(line("first"))
    log = AuditLog(path).from_now()
    path.write_text(line("first") + line("second")[:40])
    assert log.requests() == []
    path.write_text(line("first") + line("second"))
    assert [request.user for request in log.requests()] == ["second"]
    assert [request.user for request in AuditLog(path).requests()] == ["first", "second"]
