"""Contested fields: left at the third return, then written less and less often."""

from typing import Any

import pytest

from sluice_operator.desired.diff import Difference
from sluice_operator.reconcile.contested_fields import FIRST_PAUSE, MAX_PAUSE, MAX_WRITES, ContestedFields, not_within
from tests.fakes.stepped_clock import SteppedClock

REPLICAS = ("spec", "replicas")
PAUSED = ("spec", "paused")


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def fields(clock: SteppedClock) -> ContestedFields:
    return ContestedFields(clock=clock)


def scaled(live: Any = 3) -> Difference:
    return Difference(path=REPLICAS, desired=1, live=live)


def writes_until_yielded(
    fields: ContestedFields, difference: Difference, clock: SteppedClock, *, every: float = 0.0
) -> int:
    writes = 0
    while not fields.record_writes([difference], set_by={}):
        writes += 1
        clock.advance(every)
        assert writes < 100
    return writes


@pytest.mark.parametrize("every", [0.1, 20.0, 3600.0, 86_400.0])
def test_a_value_is_left_at_its_third_return_at_any_speed(
    clock: SteppedClock, fields: ContestedFields, every: float
) -> None:
    assert writes_until_yielded(fields, scaled(), clock, every=every) == 3
    assert fields.yielded() == [REPLICAS]


def test_the_pause_doubles_and_each_is_followed_by_one_write(clock: SteppedClock, fields: ContestedFields) -> None:
    writes_until_yielded(fields, scaled(), clock)
    pauses = []
    for _ in range(9):
        start = clock.monotonic()
        while fields.yielded():
            clock.advance(1)
        pauses.append(clock.monotonic() - start)
        assert writes_until_yielded(fields, scaled(), clock) == 1
    assert pauses == [min(MAX_PAUSE, FIRST_PAUSE * 2**n) for n in range(9)]


def test_after_the_first_minute_there_are_at_most_two_writes_a_minute(
    clock: SteppedClock, fields: ContestedFields
) -> None:
    start, times = clock.monotonic(), []
    while clock.monotonic() < start + 7200:
        if not fields.yielded() and not fields.record_writes([scaled()], set_by={}):
            times.append(clock.monotonic() - start)
        clock.advance(0.5)
    late = [time for time in times if time > 60]
    assert all(sum(first <= time < first + 60 for time in late) <= 2 for first in late)
    assert len(times) < 12


def test_a_field_that_returns_with_changing_values_is_left_too(fields: ContestedFields) -> None:
    written = [not fields.record_writes([scaled(found)], set_by={}) for found in range(2, 3 + MAX_WRITES)]
    assert written == [True] * MAX_WRITES + [False]


def test_other_fields_are_written_as_usual(clock: SteppedClock, fields: ContestedFields) -> None:
    writes_until_yielded(fields, scaled(), clock)
    paused = Difference(path=PAUSED, desired=None, live=True)
    assert fields.record_writes([paused], set_by={}) == []
    assert not_within([scaled(), paused], fields.yielded()) == [paused]


def test_yielding_puts_the_live_value_into_the_desired_object(clock: SteppedClock, fields: ContestedFields) -> None:
    writes_until_yielded(fields, scaled(), clock)
    desired, live = {"spec": {"replicas": 1, "a": 1}}, {"spec": {"replicas": 7, "a": 2, "b": 3}}
    assert fields.yield_to(live, desired) == {"spec": {"replicas": 7, "a": 1}}
    assert fields.yield_to({"spec": {}}, desired) == {"spec": {"a": 1}}
    assert desired == {"spec": {"replicas": 1, "a": 1}}


def test_a_change_of_the_desired_object_allows_one_more_write(clock: SteppedClock, fields: ContestedFields) -> None:
    writes_until_yielded(fields, scaled(), clock)
    fields.allow_retry()
    assert fields.yielded() == []
    assert writes_until_yielded(fields, scaled(), clock) == 1


def test_a_field_contested_before_a_restart_is_left_after_two_writes(clock: SteppedClock) -> None:
    assert writes_until_yielded(ContestedFields(returns=1, clock=clock), scaled(), clock) == 2


def test_a_contest_ends_when_the_field_was_right_for_as_long_as_the_pause(
    clock: SteppedClock, fields: ContestedFields
) -> None:
    writes_until_yielded(fields, scaled(), clock)
    assert set(fields.unresolved()) == {REPLICAS}
    clock.advance(FIRST_PAUSE)
    assert fields.record_writes([scaled()], set_by={}) == []
    clock.advance(FIRST_PAUSE - 1)
    assert set(fields.unresolved()) == {REPLICAS}
    clock.advance(2)
    assert fields.unresolved() == {}
