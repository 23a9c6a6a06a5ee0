"""Back-off: growing delays with jitter, a cap, and a reset after success."""

import pytest

from sluice_common.backoff import Backoff


def highest(_low: float, high: float) -> float:
    return high


def test_delays_grow_to_the_cap() -> None:
    backoff = Backoff(base=1, cap=60, uniform=highest)
    assert [backoff.next_delay() for _ in range(9)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_many_failures_do_not_overflow() -> None:
    backoff = Backoff(base=1, cap=60, uniform=highest)
    assert max(backoff.next_delay() for _ in range(5000)) == 60


def test_the_jitter_is_full() -> None:
    drawn: list[tuple[float, float]] = []

    def draw(low: float, high: float) -> float:
        drawn.append((low, high))
        return low

    backoff = Backoff(base=1, cap=60, uniform=draw)
    assert [backoff.next_delay() for _ in range(3)] == [0, 0, 0]
    assert drawn == [(0, 1), (0, 2), (0, 4)]


def test_the_jitter_spreads_delays() -> None:
    delays = {round(Backoff(base=10, cap=60).next_delay(), 6) for _ in range(50)}
    assert len(delays) > 40
    assert all(0 <= delay <= 10 for delay in delays)


@pytest.mark.parametrize(("after", "expected"), [(29.9, 8), (30, 1), (3600, 1)])
def test_a_long_healthy_time_resets_the_delays(after: float, expected: float) -> None:
    backoff = Backoff(base=1, cap=60, reset_after=30, uniform=highest)
    for _ in range(3):
        backoff.next_delay()
    assert backoff.next_delay(healthy_seconds=after) == expected


def test_a_reset_starts_over() -> None:
    backoff = Backoff(base=1, cap=60, uniform=highest)
    backoff.next_delay()
    backoff.next_delay()
    backoff.reset()
    assert backoff.next_delay() == 1


def test_the_delay_is_at_least_what_the_server_asks_for() -> None:
    backoff = Backoff(base=1, cap=60, uniform=highest)
    assert backoff.next_delay(minimum=120) == 121
    assert Backoff(base=1, cap=60).next_delay(minimum=120) >= 120


def test_a_failure_after_progress_has_a_short_constant_delay() -> None:
    backoff = Backoff(base=1, cap=60, uniform=highest)
    assert [backoff.next_delay(progress=True) for _ in range(9)] == [2] * 9
    lowest = Backoff(base=1, cap=60, uniform=lambda low, _: low)
    assert [lowest.next_delay(progress=True) for _ in range(9)] == [1] * 9
    assert [lowest.next_delay(progress=True, healthy_seconds=after) for after in (0.25, 1, 5)] == [0.75, 0, 0]
    assert [backoff.next_delay() for _ in range(3)] == [2, 4, 8]


def test_after_progress_the_delay_is_still_what_the_server_asks_for() -> None:
    assert Backoff(base=1, cap=60, uniform=highest).next_delay(progress=True, minimum=120) == 121
