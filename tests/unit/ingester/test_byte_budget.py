"""The byte budget: whose turn it is, and that nobody waits for ever."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_ingester.batches.batcher import FRAME_OVERHEAD_BYTES, Batcher
from sluice_ingester.byte_budget import SHARE_BYTES, ByteBudget, Claim
from sluice_wire.events import DecodedFrame
from tests.fakes.clock import FakeClock, settle

TOTAL = 10 * SHARE_BYTES


def frame(size: int) -> DecodedFrame:
    """A frame that takes `size` bytes of memory."""
    return DecodedFrame(seq=1, events=(b"x" * (size - FRAME_OVERHEAD_BYTES),), kinds=("label",))


def batcher(budget: ByteBudget, clock: FakeClock | None = None) -> Batcher:
    return Batcher(max_events=10**6, max_seconds=60, budget=budget, clock=clock or FakeClock())


def test_a_source_always_has_its_share_and_more_while_there_is_room() -> None:
    budget = ByteBudget(TOTAL)
    large, small = batcher(budget), batcher(budget)
    for _ in range(11):
        assert large.has_room
        large.add(frame(SHARE_BYTES))
    assert not large.has_room
    assert small.has_room
    small.add(frame(SHARE_BYTES))
    assert small.has_room  # its share is used, and nothing beyond
    small.add(frame(FRAME_OVERHEAD_BYTES))
    assert not small.has_room
    large.release()
    assert small.has_room
    small.release()
    assert budget.used == 0


async def test_a_source_without_room_is_written_at_once_and_continues_when_another_gives_back() -> None:
    budget, clock = ByteBudget(TOTAL), FakeClock()
    large, other = batcher(budget, clock), batcher(budget, clock)
    other.add(frame(2 * SHARE_BYTES))
    large.add(frame(TOTAL))
    taking = asyncio.create_task(other.take())
    waiting = asyncio.create_task(other.wait_for_room(seconds=60))
    await settle()
    assert taking.done()  # although the batch is young, and not full
    assert not waiting.done()  # it is being written
    large.release()
    await settle()
    assert waiting.result()


async def test_a_source_that_is_refused_room_gives_up_in_time() -> None:
    budget, clock = ByteBudget(TOTAL), FakeClock()
    large, other = batcher(budget, clock), batcher(budget, clock)
    large.add(frame(TOTAL + SHARE_BYTES))
    other.add(frame(SHARE_BYTES + 1))
    await other.take()
    waiting = asyncio.create_task(other.wait_for_room(seconds=10))
    await clock.advance(9.9)
    assert not waiting.done()
    await clock.advance(0.2)
    assert not waiting.result()


def test_frames_are_claimed_in_their_order() -> None:
    budget, granted = ByteBudget(TOTAL), list[str]()
    first = budget.claim(TOTAL - 10, lambda: granted.append("first"))
    second = budget.claim(20, lambda: granted.append("second"))
    third = budget.claim(5, lambda: granted.append("third"))
    assert (first.granted, second.granted, third.granted, granted) == (True, False, False, [])
    budget.release(first)
    assert (second.granted, third.granted, granted) == (True, True, ["second", "third"])


def test_a_claim_can_be_given_up_before_it_is_granted() -> None:
    budget = ByteBudget(TOTAL)
    first, second, third = (budget.claim(size, lambda: None) for size in (TOTAL, 20, 5))
    budget.release(second)
    budget.release(first)
    assert third.granted
    budget.release(third)
    assert budget.used == 0


def test_one_frame_may_always_be_read() -> None:
    """Batches that can't be written must not stop all large frames."""
    budget = ByteBudget(TOTAL)
    stuck = batcher(budget)
    stuck.add(frame(2 * TOTAL))
    assert budget.claim(TOTAL, lambda: None).granted
    assert not budget.claim(1, lambda: None).granted


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 7), st.integers(1, TOTAL)), max_size=60))
def test_it_never_grants_more_than_the_total_and_ends_empty(steps: list[tuple[bool, int, int]]) -> None:
    budget, claims = ByteBudget(TOTAL), dict[int, Claim]()
    for is_claim, owner, size in steps:
        if owner in claims:
            budget.release(claims.pop(owner))
        if is_claim:
            claims[owner] = budget.claim(size, lambda: None)
        granted = [claim for claim in claims.values() if claim.granted]
        assert sum(claim.size for claim in granted) == budget.used <= TOTAL
        assert bool(granted) == bool(claims)
    for claim in claims.values():
        budget.release(claim)
    assert budget.used == 0


@pytest.mark.parametrize("released", [0, 1])
def test_whoever_waits_for_room_is_called_once(released: int) -> None:
    budget, called = ByteBudget(TOTAL), list[int]()
    budget.add(TOTAL)
    budget.call_when_room(lambda: called.append(1))
    budget.add(-released)
    budget.add(-released)
    assert called == [1] * released
