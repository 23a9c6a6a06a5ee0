"""Fields that come back: put right, left at the third return, tried ever more rarely."""

from typing import Any

import pytest

from sluice_operator.desired.diff import Difference
from sluice_operator.reconcile import contested_fields
from sluice_operator.reconcile.contested_fields import FIRST_PAUSE, MAX_PAUSE, MAX_WRITES, ContestedFields, not_within

REPLICAS = ("spec", "replicas")
PAUSED = ("spec", "paused")


class Clock:
    """Set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(contested_fields, "time", clock)
    return clock


def scaled(found: Any = 3) -> Difference:
    return Difference(path=REPLICAS, desired=1, live=found)


def writes_until_left(fights: ContestedFields, difference: Difference, clock: Clock, *, every: float = 0.0) -> int:
    writes = 0
    while not fights.record_writes([difference], set_by={}):
        writes += 1
        clock.now += every
        assert writes < 100
    return writes


@pytest.mark.parametrize("every", [0.1, 20.0, 3600.0, 86_400.0])
def test_a_value_is_left_at_its_third_return_fast_or_slow(clock: Clock, every: float) -> None:
    fights = ContestedFields()
    assert writes_until_left(fights, scaled(), clock, every=every) == 3
    assert fights.yielded() == [REPLICAS]


def test_the_pause_grows_and_each_time_there_is_one_write(clock: Clock) -> None:
    fights = ContestedFields()
    writes_until_left(fights, scaled(), clock)
    pauses = []
    for _ in range(9):
        began = clock.now
        while fights.yielded():
            clock.now += 1
        pauses.append(clock.now - began)
        assert writes_until_left(fights, scaled(), clock) == 1
    assert pauses == [min(MAX_PAUSE, FIRST_PAUSE * 2**n) for n in range(9)]


def test_within_any_minute_there_are_at_most_two_writes_after_the_first(clock: Clock) -> None:
    fights, began, times = ContestedFields(), clock.now, []
    while clock.now < began + 7200:
        if not fights.yielded() and not fights.record_writes([scaled()], set_by={}):
            times.append(clock.now - began)
        clock.now += 0.5
    late = [time for time in times if time > 60]
    assert all(sum(start <= time < start + 60 for time in late) <= 2 for start in late)
    assert len(times) < 12


def test_other_values_of_a_field_come_to_an_end_too(clock: Clock) -> None:
    fights = ContestedFields()
    written = [not fights.record_writes([scaled(found)], set_by={}) for found in range(2, 3 + MAX_WRITES)]
    assert written == [True] * MAX_WRITES + [False]


def test_other_fields_go_on_to_be_put_right(clock: Clock) -> None:
    fights = ContestedFields()
    writes_until_left(fights, scaled(), clock)
    pause = Difference(path=PAUSED, desired=None, live=True)
    assert fights.record_writes([pause], set_by={}) == []
    assert not_within([scaled(), pause], fights.yielded()) == [pause]


def test_what_is_left_stands_in_what_is_wanted(clock: Clock) -> None:
    fights = ContestedFields()
    writes_until_left(fights, scaled(), clock)
    wanted, live = {"spec": {"replicas": 1, "a": 1}}, {"spec": {"replicas": 7, "a": 2, "b": 3}}
    assert fights.yield_to(live, wanted) == {"spec": {"replicas": 7, "a": 1}}
    assert fights.yield_to({"spec": {}}, wanted) == {"spec": {"a": 1}}
    assert wanted == {"spec": {"replicas": 1, "a": 1}}


def test_another_wish_gives_one_more_try(clock: Clock) -> None:
    fights = ContestedFields()
    writes_until_left(fights, scaled(), clock)
    fights.allow_retry()
    assert fights.yielded() == []
    assert writes_until_left(fights, scaled(), clock) == 1


def test_one_that_was_contested_before_is_left_after_two_writes(clock: Clock) -> None:
    assert writes_until_left(ContestedFields(returns=1), scaled(), clock) == 2


def test_it_is_told_until_it_has_been_right_for_as_long_as_it_was_left(clock: Clock) -> None:
    fights = ContestedFields()
    writes_until_left(fights, scaled(), clock)
    assert set(fights.unresolved()) == {REPLICAS}
    clock.now += FIRST_PAUSE
    assert fights.record_writes([scaled()], set_by={}) == []
    clock.now += FIRST_PAUSE - 1
    assert set(fights.unresolved()) == {REPLICAS}
    clock.now += 2
    assert fights.unresolved() == {}
