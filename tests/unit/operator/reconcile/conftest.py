"""The tests here run in virtual time: waiting takes no real time."""

from tests.fakes.virtual_time import loop_factories as pytest_asyncio_loop_factories

__all__ = ["pytest_asyncio_loop_factories"]
