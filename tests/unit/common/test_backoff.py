import pytest

from sluice_common.backoff import Backoff


def top(_low: float, high: float) -> float:
    return high


def test_grows_to_its_cap() -> None:
    backoff = Backoff(base=1, cap=60, uniform=top)
    assert [backoff.next_delay() for _ in range(9)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_never_overflows() -> None:
    backoff = Backoff(base=1, cap=60, uniform=top)
    assert max(backoff.next_delay() for _ in range(5000)) == 60


def test_jitter_is_full() -> None:
    drawn: list[tuple[float, float]] = []

    def draw(low: float, high: float) -> float:
        drawn.append((low, high))
        return low

    backoff = Backoff(base=1, cap=60, uniform=draw)
    assert [backoff.next_delay() for _ in range(3)] == [0, 0, 0]
    assert drawn == [(0, 1), (0, 2), (0, 4)]


def test_jitter_spreads() -> None:
    delays = {round(Backoff(base=10, cap=60).next_delay(), 6) for _ in range(50)}
    assert len(delays) > 40
    assert all(0 <= delay <= 10 for delay in delays)


@pytest.mark.parametrize(("after", "expected"), [(29.9, 8), (30, 1), (3600, 1)])
def test_a_good_while_makes_the_next_failure_the_first(after: float, expected: float) -> None:
    backoff = Backoff(base=1, cap=60, reset_after=30, uniform=top)
    for _ in range(3):
        backoff.next_delay()
    assert backoff.next_delay(healthy_seconds=after) == expected


def test_reset() -> None:
    backoff = Backoff(base=1, cap=60, uniform=top)
    backoff.next_delay()
    backoff.next_delay()
    backoff.reset()
    assert backoff.next_delay() == 1


def test_what_the_other_side_asks_for_is_kept() -> None:
    backoff = Backoff(base=1, cap=60, uniform=top)
    assert backoff.next_delay(minimum=120) == 121
    assert Backoff(base=1, cap=60).next_delay(minimum=120) >= 120


def test_progress_is_no_failure_and_still_waits_for_a_moment() -> None:
    backoff = Backoff(base=1, cap=60, uniform=top)
    assert [backoff.next_delay(progress=True) for _ in range(9)] == [2] * 9
    lowest = Backoff(base=1, cap=60, uniform=lambda low, _: low)
    assert [lowest.next_delay(progress=True) for _ in range(9)] == [1] * 9
    assert [lowest.next_delay(progress=True, healthy_seconds=after) for after in (0.25, 1, 5)] == [0.75, 0, 0]
    assert [backoff.next_delay() for _ in range(3)] == [2, 4, 8]


def test_progress_shortens_nothing_that_the_other_side_asks_for() -> None:
    assert Backoff(base=1, cap=60, uniform=top).next_delay(progress=True, minimum=120) == 121
