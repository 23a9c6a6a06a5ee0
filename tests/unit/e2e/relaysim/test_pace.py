"""The pace of the simulator: rates, limits and the end of sending."""

import asyncio

import pytest

from e2e.relaysim.pace import Allowance, Pace
from e2e.relaysim.sim import RelaySim
from tests.unit.e2e.relaysim.client import LABELS, subscribe


def test_an_allowance_is_the_rate_times_the_time() -> None:
    allowance = Allowance(now=10.0)
    allowance.grow(10.25, rate=50)
    assert allowance.whole == 12
    allowance.spend(12)
    assert allowance.whole == 0
    allowance.grow(10.5, rate=50)
    assert allowance.whole == 13


def test_a_low_rate_adds_up() -> None:
    allowance = Allowance(now=0.0)
    for quarter in range(1, 8):
        allowance.grow(quarter / 4, rate=0.5)
        assert allowance.whole == 0
    allowance.grow(2.0, rate=0.5)
    assert allowance.whole == 1


def test_at_most_one_second_is_caught_up() -> None:
    allowance = Allowance(now=0.0)
    allowance.grow(60.0, rate=50)
    assert allowance.whole == 50


@pytest.mark.parametrize("change", [{"rate": -1.0}, {"limit": -1}])
def test_a_negative_change_is_refused_and_changes_nothing(change: dict[str, float]) -> None:
    pace = Pace(rate=5.0, limit=7)
    with pytest.raises(ValueError, match="must not be negative"):
        pace.change(paused=True, **change)  # type: ignore[arg-type]
    assert pace == Pace(rate=5.0, limit=7)


@pytest.mark.parametrize("rate", [0, 1000])
async def test_after_its_seconds_a_simulator_is_silent_and_still_serves(rate: float) -> None:
    options = {"rate": rate, "corpus": 50, "prefill": 1, "seconds": 0.5, "label_rate": 0}
    async with RelaySim(**options) as sim, subscribe(sim, 0) as client:
        await client.message()
        await sim.until(lambda: sim.repos.expired and sim.labels.expired)
        await asyncio.sleep(0.1)
        before = sim.journal.total
        async with subscribe(sim, 0) as late, subscribe(sim, 0, endpoint=LABELS) as labels:
            assert len(await late.seqs(1)) == 1
            assert await labels.silent(0.6)
        assert sim.journal.total == before


async def test_a_change_of_the_pace_starts_the_seconds_again() -> None:
    async with RelaySim(rate=1000, corpus=50, seconds=0.01) as sim:
        await sim.until(lambda: sim.repos.expired)
        sim.repos.pace.seconds = 600
        sim.resume()
        total = sim.journal.total
        await sim.until(lambda: sim.journal.total > total)
        assert not sim.repos.expired


async def test_an_expired_simulator_still_emits_on_request() -> None:
    async with RelaySim(rate=10, corpus=50, seconds=0.01) as sim, subscribe(sim) as client:
        await sim.until(lambda: sim.repos.expired)
        await sim.connected()
        notes = await sim.emit(3)
        assert await client.seqs(3) == [note.seq for note in notes]
