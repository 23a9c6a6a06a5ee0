"""Conditions: transition times, order, message lengths and error windows."""

import pytest

from sluice_operator.api.conditions import Condition
from sluice_operator.api.relay import RelayStatus
from sluice_operator.observed.facts.redis_secret import SecretFacts
from sluice_operator.status.source_status import invalid_spec_status
from sluice_operator.status.stream_numbers import without_current_numbers
from sluice_redis.contract import SourceState
from tests.unit.operator.status.situations import NOW, after, ago, conditions, ended, facts, pod, reporting, sink


def condition(status: RelayStatus, kind: str) -> Condition:
    return next(item for item in status.conditions or () if item.type == kind)


def test_the_transition_time_changes_only_with_the_status() -> None:
    flap = facts(now=ago(10), sink=reporting(SourceState.WAITING, "ConnectionLost"))
    worse = facts(sink=reporting(SourceState.WAITING, "NoHost"))
    status = after(facts(now=ago(100)), flap, worse)
    connected, ready = condition(status, "Connected"), condition(status, "Ready")
    assert (connected.reason, connected.last_transition_time) == ("NoHost", ago(10))
    assert (ready.reason, ready.last_transition_time) == ("Reconnecting", ago(100))


def test_a_new_generation_keeps_the_transition_time() -> None:
    status = after(facts(now=ago(100)), facts(generation=9))
    assert condition(status, "Ready").last_transition_time == ago(100)
    assert condition(status, "Ready").observed_generation == 9


def test_ready_and_reconciling_come_first() -> None:
    status = after(facts(secret=SecretFacts(problem="none"), sink=None, pods=(), deployment=None))
    assert [item.type for item in status.conditions or ()][:2] == ["Ready", "Reconciling"]


def test_each_type_exists_once() -> None:
    types = [item.type for item in after(facts(), facts()).conditions or ()]
    assert sorted(set(types)) == sorted(types)


def test_a_message_is_one_line() -> None:
    status = after(
        facts(sink=reporting(SourceState.HALTED, "FutureCursor", "the cursor\n  is in the future:\nset it\n"))
    )
    assert condition(status, "Stalled").message == "the cursor is in the future: set it"


def test_a_long_message_is_cut_but_keeps_its_advice() -> None:
    status = after(facts(sink=reporting(SourceState.HALTED, "FutureCursor", f"too long{'x' * 5000}; set it to 12")))
    message = condition(status, "Ready").message
    assert len(message) == 1024
    assert message.startswith("too long")
    assert message.endswith("; set it to 12")


@pytest.mark.parametrize(
    ("error_time", "expected"), [(ago(899), "RecentErrors"), (ago(901), "NoRecentErrors"), (None, "NoRecentErrors")]
)
def test_only_errors_within_the_window_count(error_time: object, expected: str) -> None:
    status = after(facts(sink=reporting(SourceState.STREAMING, last_error="bad frame", last_error_time=error_time)))
    assert conditions(status)["ErrorFree"][1] == expected


def test_the_message_of_stable_names_the_last_restart() -> None:
    crashed = pod(restart_count=1, last_termination=ended("OOMKilled", 137, seconds_ago=600), running_since=ago(599))
    status = after(facts(now=ago(1000)), facts(pods=(crashed,), sink=sink()))
    assert condition(status, "Stable").status == "False"
    assert "OOMKilled, exit code 137" in condition(status, "Stable").message
    later = after(facts(now=ago(1000)), facts(pods=(crashed,)), facts(now=ago(-301), pods=(crashed,)))
    assert condition(later, "Stable").status == "True"


def test_an_invalid_spec_is_stalled_and_counters_are_kept() -> None:
    before = after(facts(now=ago(60)))
    status = invalid_spec_status(before, generation=3, now=NOW, reason="InvalidSpec", message="spec.host: missing")
    assert conditions(status) == {"Ready": ("False", "InvalidSpec"), "Stalled": ("True", "InvalidSpec")}
    assert status.observed_generation == 3
    assert before.firehose is not None
    assert (status.firehose, status.restarts) == (without_current_numbers(before.firehose), before.restarts)
