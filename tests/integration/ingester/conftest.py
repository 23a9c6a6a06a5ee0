"""The event loop of the tests is that of the ingester."""

import asyncio

import aiofastnet
import pytest


@pytest.fixture(autouse=True)
async def fast_loop() -> None:
    aiofastnet.patch_loop(asyncio.get_running_loop())
