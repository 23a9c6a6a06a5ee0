"""These tests run in virtual time: no wait of theirs takes any."""

from tests.fakes.virtual_time import loop_factories as pytest_asyncio_loop_factories

__all__ = ["pytest_asyncio_loop_factories"]
