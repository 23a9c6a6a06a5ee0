"""Fields that come back: put right, left at the third return, tried ever more rarely."""

from typing import Any

import pytest

from sluice_operator.desired.diff import Difference
from sluice_operator.reconcile import contested_fields
from sluice_operator.reconcile.contested_fields import FIRST_PAUSE, LONGEST_PAUSE, MOST_WRITES, Contests, outside

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
    return Difference(path=REPLICAS, wanted=1, found=found)


def writes_until_left(fights: Contests, difference: Difference, clock: Clock, *, every: float = 0.0) -> int:
    writes = 0
    while not fights.note([difference], who={}):
        writes += 1
        clock.now += every
        assert writes < 100
    return writes


@pytest.mark.parametrize("every", [0.1, 20.0, 3600.0, 86_400.0])
def test_a_value_is_left_at_its_third_return_fast_or_slow(clock: Clock, every: float) -> None:
    fights = Contests()
    assert writes_until_left(fights, scaled(), clock, every=every) == 3
    assert fights.left() == [REPLICAS]


def test_the_pause_grows_and_each_time_there_is_one_write(clock: Clock) -> None:
    fights = Contests()
    writes_until_left(fights, scaled(), clock)
    pauses = []
    for _ in range(9):
        began = clock.now
        while fights.left():
            clock.now += 1
        pauses.append(clock.now - began)
        assert writes_until_left(fights, scaled(), clock) == 1
    assert pauses == [min(LONGEST_PAUSE, FIRST_PAUSE * 2**n) for n in range(9)]


def test_within_any_minute_there_are_at_most_two_writes_after_the_first(clock: Clock) -> None:
    fights, began, times = Contests(), clock.now, []
    while clock.now < began + 7200:
        if not fights.left() and not fights.note([scaled()], who={}):
            times.append(clock.now - began)
        clock.now += 0.5
    late = [time for time in times if time > 60]
    assert all(sum(start <= time < start + 60 for time in late) <= 2 for start in late)
    assert len(times) < 12


def test_other_values_of_a_field_come_to_an_end_too(clock: Clock) -> None:
    fights = Contests()
    written = [not fights.note([scaled(found)], who={}) for found in range(2, 3 + MOST_WRITES)]
    assert written == [True] * MOST_WRITES + [False]


def test_other_fields_go_on_to_be_put_right(clock: Clock) -> None:
    fights = Contests()
    writes_until_left(fights, scaled(), clock)
    pause = Difference(path=PAUSED, wanted=None, found=True)
    assert fights.note([pause], who={}) == []
    assert outside([scaled(), pause], fights.left()) == [pause]


def test_what_is_left_stands_in_what_is_wanted(clock: Clock) -> None:
    fights = Contests()
    writes_until_left(fights, scaled(), clock)
    wanted, live = {"spec": {"replicas": 1, "a": 1}}, {"spec": {"replicas": 7, "a": 2, "b": 3}}
    assert fights.yielding(live, wanted) == {"spec": {"replicas": 7, "a": 1}}
    assert fights.yielding({"spec": {}}, wanted) == {"spec": {"a": 1}}
    assert wanted == {"spec": {"replicas": 1, "a": 1}}


def test_another_wish_gives_one_more_try(clock: Clock) -> None:
    fights = Contests()
    writes_until_left(fights, scaled(), clock)
    fights.give_another_try()
    assert fights.left() == []
    assert writes_until_left(fights, scaled(), clock) == 1


def test_one_that_was_contested_before_is_left_after_two_writes(clock: Clock) -> None:
    assert writes_until_left(Contests(returns=1), scaled(), clock) == 2


def test_it_is_told_until_it_has_been_right_for_as_long_as_it_was_left(clock: Clock) -> None:
    fights = Contests()
    writes_until_left(fights, scaled(), clock)
    assert set(fights.open()) == {REPLICAS}
    clock.now += FIRST_PAUSE
    assert fights.note([scaled()], who={}) == []
    clock.now += FIRST_PAUSE - 1
    assert set(fights.open()) == {REPLICAS}
    clock.now += 2
    assert fights.open() == {}
