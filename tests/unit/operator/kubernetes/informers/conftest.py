"""These tests run kopf over HTTP on the loopback interface, so they need real time."""

import asyncio
from collections.abc import Mapping
from typing import Any


def pytest_asyncio_loop_factories(*_: Any, **__: Any) -> Mapping[str, type[asyncio.SelectorEventLoop]]:
    return {"real": asyncio.SelectorEventLoop}
