"""The ChildrenContested condition: fields that the operator leaves as somebody else set them."""

from dataclasses import replace

from sluice_operator.observed.facts.children import Contest
from sluice_redis.contract import SourceState
from tests.unit.operator.status.situations import after, conditions, facts, reporting

STREAMING = facts(sink=reporting(SourceState.STREAMING))
CPU = Contest(
    child="Deployment us-east-firehose",
    field="spec.template.spec.containers[ingester].resources.requests.cpu",
    wanted="50m",
    found="20m",
    by="admission (a mutating webhook or policy)",
    by_admission=True,
    advice="set the same value in spec.podTemplate.resources",
)
REPLICAS = Contest(
    child="Deployment us-east-firehose",
    field="spec.replicas",
    wanted="1",
    found="3",
    by="field manager autoscaler",
    by_admission=False,
    advice="stop field manager autoscaler",
)


def message(*contests: Contest) -> str:
    status = after(replace(STREAMING, contests=contests))
    return next(item.message for item in status.conditions or () if item.type == "ChildrenContested")


def test_the_condition_exists_only_while_a_field_is_contested() -> None:
    assert "ChildrenContested" not in conditions(after(STREAMING))


def test_the_message_names_the_field_both_values_the_manager_and_the_advice() -> None:
    for contest in (CPU, REPLICAS):
        text = message(contest)
        for part in (contest.child, contest.field, contest.wanted, contest.found, contest.by, contest.advice):
            assert part in text


def test_a_contested_field_decides_the_reason_before_an_admission_change() -> None:
    assert conditions(after(replace(STREAMING, contests=(CPU,))))["ChildrenContested"] == ("True", "SetByAdmission")
    both = after(replace(STREAMING, contests=(CPU, REPLICAS)))
    assert conditions(both)["ChildrenContested"] == ("True", "Contested")


def test_ready_still_depends_on_the_stream() -> None:
    assert conditions(after(replace(STREAMING, contests=(REPLICAS,))))["Ready"] == ("True", "Streaming")


def test_the_message_counts_further_fields() -> None:
    assert message(*[CPU] * 5).endswith("; and 2 more")


def test_the_condition_is_kept_while_no_child_was_compared() -> None:
    status = after(replace(STREAMING, contests=(REPLICAS,)), replace(STREAMING, contests=None))
    assert conditions(status)["ChildrenContested"] == ("True", "Contested")
    assert "ChildrenContested" not in conditions(after(replace(STREAMING, contests=None)))
    healed = after(replace(STREAMING, contests=(REPLICAS,)), replace(STREAMING, contests=None), STREAMING)
    assert "ChildrenContested" not in conditions(healed)
