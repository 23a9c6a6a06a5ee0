"""The tests here run in virtual time: waiting takes no real time."""

import pytest

from tests.fakes.virtual_time import loop_factories as pytest_asyncio_loop_factories
from tests.unit.operator.reconcile.pool_harness import Pool

__all__ = ["pytest_asyncio_loop_factories"]


@pytest.fixture
async def pool() -> Pool:
    """Two Relays of a pool that stream."""
    pool = Pool()
    pool.create("a", created=1)
    pool.create("b", created=2)
    for name in ("a", "b"):
        await pool.reconcile(name)
    pool.run_pool_pod()
    await pool.settle("a", "b")
    assert pool.ready("a") == pool.ready("b") == ("True", "Streaming")
    return pool
