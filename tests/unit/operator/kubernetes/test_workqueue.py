import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from sluice_operator.kubernetes import workqueue as queue_module
from sluice_operator.kubernetes.workqueue import MAX_BACKOFF_SECONDS, WorkQueue, backoff_seconds


class Looks:
    """A handler that records its calls, and waits or fails when told to."""

    def __init__(self, again: float | None = None) -> None:
        self.keys: list[str] = []
        self.now: dict[str, int] = {}
        self.most_at_once: dict[str, int] = {}
        self.gate = asyncio.Event()
        self.gate.set()
        self.failures = 0
        self.again = again

    async def __call__(self, key: str) -> float | None:
        self.keys.append(key)
        self.now[key] = self.now.get(key, 0) + 1
        self.most_at_once[key] = max(self.most_at_once.get(key, 0), self.now[key])
        try:
            await self.gate.wait()
            if self.failures:
                self.failures -= 1
                raise RuntimeError("the look failed")
        finally:
            self.now[key] -= 1
        return self.again


@asynccontextmanager
async def running(queue: WorkQueue[str], looks: Looks, workers: int = 3) -> AsyncIterator[None]:
    task = asyncio.create_task(queue.run(looks, workers=workers))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.002)


async def test_additions_before_a_look_are_one_look() -> None:
    queue, looks = WorkQueue[str](), Looks()
    for _ in range(5):
        queue.add("a")
    queue.add("b")
    assert queue.depth == 2
    async with running(queue, looks):
        await until(lambda: len(looks.keys) == 2)
        await asyncio.sleep(0.02)
    assert sorted(looks.keys) == ["a", "b"]
    assert queue.depth == 0


async def test_what_is_added_during_a_look_is_looked_at_once_more_and_never_twice_at_a_time() -> None:
    queue, looks = WorkQueue[str](), Looks()
    looks.gate.clear()
    async with running(queue, looks):
        queue.add("a")
        await until(lambda: looks.keys == ["a"])
        for _ in range(5):
            queue.add("a")
        await asyncio.sleep(0.02)
        assert looks.keys == ["a"]
        looks.gate.set()
        await until(lambda: len(looks.keys) == 2)
        await asyncio.sleep(0.02)
    assert looks.keys == ["a", "a"]
    assert looks.most_at_once == {"a": 1}


async def test_different_keys_are_looked_at_at_the_same_time() -> None:
    queue, looks = WorkQueue[str](), Looks()
    looks.gate.clear()
    async with running(queue, looks, workers=2):
        for key in "abc":
            queue.add(key)
        await until(lambda: looks.keys == ["a", "b"])
        assert queue.depth == 1
        looks.gate.set()
        await until(lambda: looks.keys == ["a", "b", "c"])


async def test_a_failed_look_is_repeated() -> None:
    queue, looks = WorkQueue[str](), Looks()
    looks.failures = 2
    async with running(queue, looks):
        queue.add("a")
        await until(lambda: len(looks.keys) == 3)
        await asyncio.sleep(0.05)
    assert looks.keys == ["a", "a", "a"]


@pytest.mark.parametrize(("expected", "traced"), [((), True), ((RuntimeError,), False)])
async def test_an_expected_error_is_logged_in_one_line(
    caplog: pytest.LogCaptureFixture,
    expected: tuple[type[Exception], ...],
    traced: bool,  # noqa: FBT001
) -> None:
    queue, looks = WorkQueue[str](), Looks()
    looks.failures = 1
    queue.add("a")
    task = asyncio.create_task(queue.run(looks, workers=1, expected=expected))
    await until(lambda: len(looks.keys) == 2)
    task.cancel()
    assert ("Traceback" in caplog.text) is traced
    assert "a will be tried again in" in caplog.text
    assert "the look failed" in caplog.text


async def test_the_handler_says_when_to_look_again() -> None:
    queue, looks = WorkQueue[str](), Looks(again=0.01)
    async with running(queue, looks):
        queue.add("a")
        await until(lambda: len(looks.keys) >= 4)


async def test_the_soonest_plan_counts() -> None:
    queue, looks = WorkQueue[str](), Looks()
    async with running(queue, looks):
        queue.add_after("a", 60)
        queue.add_after("a", 0.01)
        queue.add_after("a", 60)
        await until(lambda: looks.keys == ["a"])


async def test_an_addition_takes_the_place_of_a_plan() -> None:
    queue, looks = WorkQueue[str](), Looks()
    async with running(queue, looks):
        queue.add_after("a", 0.03)
        queue.add("a")
        await asyncio.sleep(0.1)
    assert looks.keys == ["a"]


async def test_stuck_names_what_waits_and_what_hangs() -> None:
    queue, looks = WorkQueue[str](), Looks()
    looks.gate.clear()
    async with running(queue, looks, workers=1):
        queue.add("hangs")
        await until(lambda: looks.keys == ["hangs"])
        queue.add("waits")
        assert queue.stuck(5) == []
        await asyncio.sleep(0.05)
        assert sorted(queue.stuck(0.02)) == ["hangs", "waits"]


async def test_a_long_queue_is_not_stuck_as_long_as_looks_end() -> None:
    queue, ended = WorkQueue[str](), asyncio.Event()

    async def look(key: str) -> None:
        if key == "last":
            ended.set()
            await asyncio.sleep(60)
        await asyncio.sleep(2)

    for key in ("first", "last", "waits"):
        queue.add(key)
    task = asyncio.create_task(queue.run(look, workers=1))
    await ended.wait()
    # One waits since the begin, over 2 s ago, and a look has just ended.
    assert queue.depth == 1
    assert queue.stuck(1.9) == []
    task.cancel()


async def test_who_asks_to_be_left_alone_is_and_news_wait_too() -> None:
    queue, looks, times = WorkQueue[str](), Looks(), []

    async def look(key: str) -> float | None:
        times.append(asyncio.get_running_loop().time())
        return await looks(key)

    looks.failures = 1
    task = asyncio.create_task(queue.run(look, workers=2, expected=(RuntimeError,), requested_pause=lambda _: 0.5))
    queue.add("a")
    await until(lambda: looks.keys == ["a"])
    await asyncio.sleep(0.01)
    queue.add("a")
    queue.add("b")
    await until(lambda: len(looks.keys) >= 3)
    assert times[1] - times[0] >= 0.5
    assert sorted(looks.keys) == ["a", "a", "b"]
    task.cancel()


async def test_a_look_without_end_is_cut_off_and_repeated(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(queue_module, "RECONCILE_TIMEOUT_SECONDS", 0.05)
    queue, looks = WorkQueue[str](), Looks()
    looks.gate.clear()
    async with running(queue, looks):
        queue.add("a")
        await until(lambda: len(looks.keys) >= 2)
    assert "a will be tried again in" in caplog.text
    assert "cut off after 0.05 s" in caplog.text
    assert "Traceback" not in caplog.text


async def test_a_look_that_somebody_else_has_cancelled_costs_neither_the_key_nor_the_worker() -> None:
    """A task that several wait for may be cancelled with one of them: the others see a cancellation, too."""
    queue, keys = WorkQueue[str](), []

    async def look(key: str) -> None:
        keys.append(key)
        if len(keys) == 1:
            shared = asyncio.ensure_future(asyncio.sleep(60))
            shared.cancel()
            await shared

    task = asyncio.create_task(queue.run(look, workers=1))
    queue.add("a")
    await until(lambda: keys == ["a", "a"])
    queue.add("b")
    await until(lambda: keys == ["a", "a", "b"])
    assert not task.done()
    task.cancel()


async def test_a_cancelled_queue_ends() -> None:
    queue, looks = WorkQueue[str](), Looks()
    looks.gate.clear()
    async with running(queue, looks):
        queue.add("a")
        await until(lambda: looks.keys == ["a"])
    assert looks.now == {"a": 0}


async def test_a_cancelled_queue_ends_even_if_a_look_makes_an_error_of_it() -> None:
    queue, begun = WorkQueue[str](), asyncio.Event()

    async def look(_: str) -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            raise RuntimeError("the clean-up failed")

    task = asyncio.create_task(queue.run(look, workers=2))
    queue.add("a")
    await begun.wait()
    task.cancel()
    async with asyncio.timeout(60):
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.mark.parametrize(("failures", "longest"), [(1, 0.2), (2, 0.4), (5, 3.2), (9, 51.2), (10, 60), (10_000, 60)])
def test_the_pause_grows_to_a_limit(failures: int, longest: float) -> None:
    pauses = [backoff_seconds(failures) for _ in range(200)]
    assert max(pauses) <= min(longest, MAX_BACKOFF_SECONDS)
    assert min(pauses) >= longest / 2
    assert len(set(pauses)) > 100


async def test_a_cancelled_queue_ends_even_if_what_a_look_waits_for_swallows_that() -> None:
    """As Python's own `asyncio.wait_for` does before 3.12, if what it waits for is over at the same moment."""
    queue, looks = WorkQueue[str](), Looks(again=0.0)

    async def swallow_once(key: str) -> float | None:
        with contextlib.suppress(asyncio.CancelledError):
            return await looks(key)
        return 0.0

    looks.gate.clear()
    task = asyncio.create_task(queue.run(swallow_once, workers=1))
    queue.add("a")
    await until(lambda: looks.keys == ["a"])
    task.cancel()
    ended, _ = await asyncio.wait([task], timeout=10)
    looks.gate.set()
    assert ended, "it goes on looking"


async def test_what_was_done_in_part_is_looked_at_again_within_the_time_that_its_error_says() -> None:
    """However often it has failed: what can be seen meanwhile goes on."""
    queue, looks = WorkQueue[str](), Looks()
    looks.failures = 14  # the pause would be a minute by then
    task = asyncio.create_task(queue.run(looks, workers=1, expected=(RuntimeError,), retry_limit=lambda _: 0.01))
    queue.add("a")
    async with asyncio.timeout(30):
        while looks.failures:
            await asyncio.sleep(0.01)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert len(looks.keys) >= 14
