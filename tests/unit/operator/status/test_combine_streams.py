"""Combining several streams of one source: the worst one decides, and each has its own pods."""

import pytest

from sluice_operator.api.conditions import ConditionStatus
from sluice_operator.api.conditions import ConditionType as Type
from sluice_operator.api.ingester_status import CountedPod, RestartsStatus
from sluice_operator.desired.component import Component
from sluice_operator.desired.labeler_streams import LABELS
from sluice_operator.desired.relay_streams import FIREHOSE
from sluice_operator.status.assessment import assess
from sluice_operator.status.combine_streams import StreamVerdict, combined_conditions
from sluice_operator.status.condition_times import ConditionDraft, false, true, unknown
from sluice_operator.status.restarts import count_all_restarts
from sluice_operator.status.verdict import (
    ReadyVerdict,
    degraded_verdict,
    healthy_verdict,
    progressing_verdict,
    stalled_verdict,
)
from tests.unit.operator.status.situations import facts, pod

FIRST, SECOND = FIREHOSE, LABELS
GOOD = healthy_verdict("Streaming", "well")


def stream(
    component: Component = FIRST, verdict: ReadyVerdict = GOOD, *aspects: ConditionDraft, is_requested: bool = True
) -> StreamVerdict:
    return StreamVerdict(component=component, is_requested=is_requested, conditions=aspects, verdict=verdict)


def combined(*streams: StreamVerdict) -> dict[Type, ConditionDraft]:
    return {draft.type: draft for draft in combined_conditions(streams)}


@pytest.mark.parametrize(
    "worse",
    [progressing_verdict("Connecting", "m"), degraded_verdict("NotReporting", "m"), stalled_verdict("Halted", "m")],
)
def test_the_worse_verdict_wins_and_names_its_stream(worse: ReadyVerdict) -> None:
    ready = combined(stream(), stream(SECOND, worse))[Type.READY]
    assert (ready.status, ready.reason, ready.message) == (ConditionStatus.FALSE, worse.reason, f"{SECOND}: m")
    ready = combined(stream(FIRST, worse), stream(SECOND))[Type.READY]
    assert (ready.reason, ready.message) == (worse.reason, "m")


def test_of_two_equal_verdicts_the_first_is_reported() -> None:
    assert combined(stream(), stream(SECOND, healthy_verdict("Done", "all")))[Type.READY].reason == "Streaming"


def test_each_condition_is_the_worse_one() -> None:
    found = combined(
        stream(FIRST, GOOD, true(Type.CONNECTED, "Streaming"), unknown(Type.STABLE, "PodNotRunning")),
        stream(SECOND, GOOD, false(Type.CONNECTED, "Lost", "why"), true(Type.STABLE, "NoRecentRestarts")),
    )
    assert (found[Type.CONNECTED].reason, found[Type.CONNECTED].message) == ("Lost", f"{SECOND}: why")
    assert found[Type.STABLE].reason == "PodNotRunning"


def test_a_condition_of_one_stream_alone_is_kept() -> None:
    found = combined(stream(), stream(SECOND, GOOD, true(Type.BACKFILL_COMPLETE, "Done")))
    assert found[Type.BACKFILL_COMPLETE].status is ConditionStatus.TRUE


def test_a_stream_that_is_not_requested_does_not_count() -> None:
    off = stream(FIRST, healthy_verdict("NothingToRun", ""), false(Type.CONNECTED, "NothingToRun"), is_requested=False)
    found = combined(off, stream(SECOND, GOOD, true(Type.CONNECTED, "Streaming")))
    assert found[Type.READY].reason == "Streaming"
    assert found[Type.CONNECTED].status is ConditionStatus.TRUE
    assert combined(off)[Type.READY].reason == "NothingToRun"


def test_suspended_only_when_all_streams_have_stopped() -> None:
    stopped = stream(FIRST, healthy_verdict("Suspended", ""), true(Type.SUSPENDED, "Suspended"), is_requested=False)
    stopping = stream(SECOND, progressing_verdict("Suspending", ""), is_requested=False)
    assert Type.SUSPENDED not in combined(stopped, stopping)
    assert Type.SUSPENDED in combined(stopped, stopped)


def test_a_replaced_pod_counts_only_in_its_own_stream() -> None:
    """The streams have different pod templates. The second pod is replaced, and the first stays."""
    first = facts(pods=(pod(uid="a", template_hash="t1"),))
    second = facts(component=SECOND, pods=(pod(uid="b", template_hash="t2"),))
    counted = count_all_restarts(None, [assess(first), assess(second)])
    assert counted.count == 0
    second_without_pods = facts(component=SECOND, pods=())
    counted = count_all_restarts(counted, [assess(first), assess(second_without_pods)])
    assert {memory.uid for memory in counted.pods or ()} == {"a", "b"}
    second_replaced = facts(component=SECOND, pods=(pod(uid="c", template_hash="t2"),))
    counted = count_all_restarts(counted, [assess(first), assess(second_replaced)])
    assert counted.count == 1
    assert {(memory.uid, memory.component) for memory in counted.pods or ()} == {("a", FIRST.name), ("c", SECOND.name)}
    assert count_all_restarts(counted, [assess(first), assess(second_replaced)]) == counted


def test_restarts_counted_by_an_older_version_are_kept() -> None:
    first = facts(pods=(pod(uid="a", restart_count=3),))
    old = RestartsStatus(count=3, pods=(CountedPod(uid="a", restart_count=3),))
    counted = count_all_restarts(old, [assess(first), assess(facts(component=SECOND, pods=()))])
    assert counted.count == 3
    assert [memory.component for memory in counted.pods or ()] == [FIRST.name]
