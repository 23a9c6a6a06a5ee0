"""An event loop in virtual time: it never waits. Where a loop would sleep, its clock moves on instead.

Back-offs, deadlines and leases take no real time in such tests, and a busy machine does not matter. The tests must not
use processes or the network.
"""

import asyncio
import selectors
from collections.abc import Coroutine, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

from tests.fakes.clock import START

Result = TypeVar("Result")

_BEGIN = 1000.0


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """`loop.time()`, `asyncio.sleep` and `asyncio.timeout` in virtual time."""

    def __init__(self) -> None:
        self._virtual = _VirtualSelector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now


class VirtualClock:
    """The clock of the running loop. It begins at `START`."""

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def now(self) -> datetime:
        return START + timedelta(seconds=self.monotonic() - _BEGIN)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def run_in_virtual_time(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run `coroutine` in virtual time. Its result."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(coroutine)


class _VirtualSelector(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now = _BEGIN

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(None if timeout is None else 0)
        if not ready and timeout is not None:
            self.now += max(timeout, 0.0)
        return ready


def loop_factories(*_: Any, **__: Any) -> Mapping[str, type[VirtualTimeLoop]]:
    """For `pytest_asyncio_loop_factories` in a conftest.py: its tests run in virtual time."""
    return {"virtual": VirtualTimeLoop}
