"""The work queue in virtual time: what is handled when, back-offs, and stuck keys."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from sluice_operator.kubernetes.workqueue import MAX_BACKOFF_SECONDS, WorkQueue, backoff_seconds


class Handler:
    """Records its calls. It can wait at a gate and fail a number of times."""

    def __init__(self, retry_seconds: float | None = None) -> None:
        self.keys: list[str] = []
        self.now: dict[str, int] = {}
        self.most_at_once: dict[str, int] = {}
        self.gate = asyncio.Event()
        self.gate.set()
        self.failures = 0
        self.retry_seconds = retry_seconds

    async def __call__(self, key: str) -> float | None:
        self.keys.append(key)
        self.now[key] = self.now.get(key, 0) + 1
        self.most_at_once[key] = max(self.most_at_once.get(key, 0), self.now[key])
        try:
            await self.gate.wait()
            if self.failures:
                self.failures -= 1
                raise RuntimeError("the handler failed")
        finally:
            self.now[key] -= 1
        return self.retry_seconds


@asynccontextmanager
async def running(queue: WorkQueue[str], handler: Handler, workers: int = 3) -> AsyncIterator[None]:
    task = asyncio.create_task(queue.run(handler, workers=workers))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(condition: Callable[[], bool], seconds: float = 600) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


async def test_a_key_added_several_times_is_handled_once() -> None:
    queue, handler = WorkQueue[str](), Handler()
    for _ in range(5):
        queue.add("a")
    queue.add("b")
    assert queue.depth == 2
    async with running(queue, handler):
        await until(lambda: len(handler.keys) == 2)
        await asyncio.sleep(0.02)
    assert sorted(handler.keys) == ["a", "b"]
    assert queue.depth == 0


async def test_a_key_added_while_it_is_handled_is_handled_once_more_afterwards() -> None:
    queue, handler = WorkQueue[str](), Handler()
    handler.gate.clear()
    async with running(queue, handler):
        queue.add("a")
        await until(lambda: handler.keys == ["a"])
        for _ in range(5):
            queue.add("a")
        await asyncio.sleep(0.02)
        assert handler.keys == ["a"]
        handler.gate.set()
        await until(lambda: len(handler.keys) == 2)
        await asyncio.sleep(0.02)
    assert handler.keys == ["a", "a"]
    assert handler.most_at_once == {"a": 1}


async def test_different_keys_are_handled_at_the_same_time() -> None:
    queue, handler = WorkQueue[str](), Handler()
    handler.gate.clear()
    async with running(queue, handler, workers=2):
        for key in "abc":
            queue.add(key)
        await until(lambda: handler.keys == ["a", "b"])
        assert queue.depth == 1
        handler.gate.set()
        await until(lambda: handler.keys == ["a", "b", "c"])


async def test_a_failed_key_is_retried() -> None:
    queue, handler = WorkQueue[str](), Handler()
    handler.failures = 2
    async with running(queue, handler):
        queue.add("a")
        await until(lambda: len(handler.keys) == 3)
        await asyncio.sleep(0.05)
    assert handler.keys == ["a", "a", "a"]


@pytest.mark.parametrize(("expected", "traced"), [((), True), ((RuntimeError,), False)])
async def test_an_expected_error_is_logged_in_one_line(
    caplog: pytest.LogCaptureFixture,
    expected: tuple[type[Exception], ...],
    traced: bool,  # noqa: FBT001
) -> None:
    queue, handler = WorkQueue[str](), Handler()
    handler.failures = 1
    queue.add("a")
    task = asyncio.create_task(queue.run(handler, workers=1, expected=expected))
    await until(lambda: len(handler.keys) == 2)
    task.cancel()
    assert ("Traceback" in caplog.text) is traced
    assert "a will be tried again in" in caplog.text
    assert "the handler failed" in caplog.text


async def test_the_handler_returns_when_to_handle_the_key_again() -> None:
    queue, handler = WorkQueue[str](), Handler(retry_seconds=0.01)
    async with running(queue, handler):
        queue.add("a")
        await until(lambda: len(handler.keys) >= 4)


async def test_the_earliest_timer_counts() -> None:
    queue, handler = WorkQueue[str](), Handler()
    async with running(queue, handler):
        queue.add_after("a", 60)
        queue.add_after("a", 0.01)
        queue.add_after("a", 60)
        await until(lambda: handler.keys == ["a"])


async def test_an_addition_replaces_a_timer() -> None:
    queue, handler = WorkQueue[str](), Handler()
    async with running(queue, handler):
        queue.add_after("a", 0.03)
        queue.add("a")
        await asyncio.sleep(0.1)
    assert handler.keys == ["a"]


async def test_stuck_keys_are_those_that_hang_or_wait_too_long() -> None:
    queue, handler = WorkQueue[str](), Handler()
    handler.gate.clear()
    async with running(queue, handler, workers=1):
        queue.add("hangs")
        await until(lambda: handler.keys == ["hangs"])
        queue.add("waits")
        assert queue.stuck(5) == []
        await asyncio.sleep(0.05)
        assert sorted(queue.stuck(0.02)) == ["hangs", "waits"]


async def test_a_long_queue_is_not_stuck_while_keys_are_finished() -> None:
    queue, ended = WorkQueue[str](), asyncio.Event()

    async def handle(key: str) -> None:
        if key == "last":
            ended.set()
            await asyncio.sleep(60)
        await asyncio.sleep(2)

    for key in ("first", "last", "waits"):
        queue.add(key)
    task = asyncio.create_task(queue.run(handle, workers=1))
    await ended.wait()
    # One key has waited for 2 s since the start, and another one has just been finished.
    assert queue.depth == 1
    assert queue.stuck(1.9) == []
    task.cancel()


async def test_an_error_that_asks_for_a_pause_pauses_all_keys() -> None:
    queue, handler, times = WorkQueue[str](), Handler(), []

    async def handle(key: str) -> float | None:
        times.append(asyncio.get_running_loop().time())
        return await handler(key)

    handler.failures = 1
    task = asyncio.create_task(queue.run(handle, workers=2, expected=(RuntimeError,), requested_pause=lambda _: 0.5))
    queue.add("a")
    await until(lambda: handler.keys == ["a"])
    await asyncio.sleep(0.01)
    queue.add("a")
    queue.add("b")
    await until(lambda: len(handler.keys) >= 3)
    assert times[1] - times[0] >= 0.5
    assert sorted(handler.keys) == ["a", "a", "b"]
    task.cancel()


async def test_a_key_that_exceeds_its_timeout_is_cancelled_and_retried(caplog: pytest.LogCaptureFixture) -> None:
    queue, handler = WorkQueue[str](), Handler()
    handler.gate.clear()
    async with running(queue, handler):
        queue.add("a")
        began = asyncio.get_running_loop().time()
        await until(lambda: len(handler.keys) >= 2)
        assert 120 <= asyncio.get_running_loop().time() - began <= 120.3
    assert "a will be tried again in" in caplog.text
    assert "cut off after 120 s" in caplog.text
    assert "Traceback" not in caplog.text


async def test_a_cancellation_within_a_handler_keeps_the_key_and_the_worker() -> None:
    """Handlers may share a task, which may be cancelled with one of them."""
    queue, keys = WorkQueue[str](), []

    async def handle(key: str) -> None:
        keys.append(key)
        if len(keys) == 1:
            shared = asyncio.ensure_future(asyncio.sleep(60))
            shared.cancel()
            await shared

    task = asyncio.create_task(queue.run(handle, workers=1))
    queue.add("a")
    await until(lambda: keys == ["a", "a"])
    queue.add("b")
    await until(lambda: keys == ["a", "a", "b"])
    assert not task.done()
    task.cancel()


async def test_a_cancelled_queue_ends() -> None:
    queue, handler = WorkQueue[str](), Handler()
    handler.gate.clear()
    async with running(queue, handler):
        queue.add("a")
        await until(lambda: handler.keys == ["a"])
    assert handler.now == {"a": 0}


async def test_a_cancelled_queue_ends_even_if_the_handler_raises_an_error() -> None:
    queue, begun = WorkQueue[str](), asyncio.Event()

    async def handle(_: str) -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            raise RuntimeError("the clean-up failed")

    task = asyncio.create_task(queue.run(handle, workers=2))
    queue.add("a")
    await begun.wait()
    task.cancel()
    async with asyncio.timeout(60):
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.mark.parametrize(("failures", "longest"), [(1, 0.2), (2, 0.4), (5, 3.2), (9, 51.2), (10, 60), (10_000, 60)])
def test_the_back_off_grows_to_its_maximum(failures: int, longest: float) -> None:
    pauses = [backoff_seconds(failures) for _ in range(200)]
    assert max(pauses) <= min(longest, MAX_BACKOFF_SECONDS)
    assert min(pauses) >= longest / 2
    assert len(set(pauses)) > 100


async def test_a_cancelled_queue_ends_even_if_the_handler_swallows_the_cancellation() -> None:
    """`asyncio.wait_for` did so before Python 3.12, if its task ended at the same moment."""
    queue, handler = WorkQueue[str](), Handler(retry_seconds=0.0)

    async def swallow_once(key: str) -> float | None:
        with contextlib.suppress(asyncio.CancelledError):
            return await handler(key)
        return 0.0

    handler.gate.clear()
    task = asyncio.create_task(queue.run(swallow_once, workers=1))
    queue.add("a")
    await until(lambda: handler.keys == ["a"])
    task.cancel()
    ended, _ = await asyncio.wait([task], timeout=10)
    handler.gate.set()
    assert ended, "the queue still runs"


async def test_the_back_off_is_no_longer_than_the_error_allows() -> None:
    """It does not matter how often the key has failed."""
    queue, handler = WorkQueue[str](), Handler()
    handler.failures = 14  # without the limit of the error, the back-off would be a minute
    task = asyncio.create_task(queue.run(handler, workers=1, expected=(RuntimeError,), retry_limit=lambda _: 0.01))
    queue.add("a")
    async with asyncio.timeout(30):
        while handler.failures:
            await asyncio.sleep(0.01)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert len(handler.keys) >= 14
