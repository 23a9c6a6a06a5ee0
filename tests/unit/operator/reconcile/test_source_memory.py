"""The memory of a source: kept while the source exists, dropped when it is deleted or recreated."""

import pytest

from sluice_operator.kubernetes.errors import ApiError
from sluice_operator.kubernetes.source_key import SourceKey
from sluice_operator.observed.facts.children import Refusal
from sluice_operator.reconcile.source_memory import SourceMemories
from tests.fakes.stepped_clock import SteppedClock
from tests.unit.operator.status.situations import health

KEY = SourceKey("Relay", "n", "a")
REFUSAL = Refusal(reason="ChildRefused", message="no")


@pytest.fixture
def dropped() -> list[str]:
    return []


@pytest.fixture
def memories(dropped: list[str]) -> SourceMemories:
    return SourceMemories(on_drop=[dropped.append], clock=SteppedClock())


def test_the_memory_is_kept_while_the_source_exists(memories: SourceMemories, dropped: list[str]) -> None:
    memory = memories.get(KEY, "u1")
    assert memories.get(KEY, "u1") is memory
    assert memories.get(SourceKey("Labeler", "n", "a"), "u1") is not memory
    assert dropped == []


def test_a_recreated_source_has_a_new_memory(memories: SourceMemories, dropped: list[str]) -> None:
    memory = memories.get(KEY, "u1")
    assert memories.get(KEY, "u2") is not memory
    assert dropped == ["u1"]


def test_the_memory_of_a_deleted_source_is_dropped_once(memories: SourceMemories, dropped: list[str]) -> None:
    memories.get(KEY, "u1")
    memories.drop(KEY)
    memories.drop(KEY)
    assert dropped == ["u1"]


def test_a_reconcile_request_drops_only_back_offs(memories: SourceMemories, dropped: list[str]) -> None:
    memory = memories.get(KEY, "u1")
    memory.retries.child_backoff.record_failure("path", "hash", REFUSAL, ApiError(500, "InternalError", "no"))
    memory.retries.finalizer.refused_until = memory.retries.reset_problem.report_again_at = float("inf")
    memory.status.written_at = 7.0
    memories.retry_now(memory)
    assert memory.retries.child_backoff.in_backoff("path", "hash") is None
    assert (memory.retries.finalizer.refused_until, memory.retries.reset_problem.report_again_at) == (0.0, 0.0)
    assert (memory.status.written_at, memories.get(KEY, "u1"), dropped) == (7.0, memory, [])


def test_only_the_reports_of_the_deleted_source_are_dropped(memories: SourceMemories) -> None:
    gone, stays = KEY, SourceKey("Relay", "n", "b")
    for key in (gone, stays):
        memories.get(key, key.name).health_writers.record("k", health(pod="a"), own_pods={"a"}, monotonic=100.0)
    memories.drop(gone)
    for key, expected in ((gone, []), (stays, ["a"])):
        writers = memories.get(key, key.name).health_writers
        facts = writers.record("k", health(pod="b"), own_pods={"b"}, monotonic=101.0)
        assert [report.pod for report in facts.reports] == expected
