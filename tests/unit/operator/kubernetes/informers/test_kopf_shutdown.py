"""Closing the event loop while kopf has open watches."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import kopf
import pytest
from kopf._cogs.clients import watching
from kopf._cogs.structs.references import Resource

from sluice_operator.kubernetes.informers.kopf_shutdown import ignore_unclosed_generators

RELAYS = Resource(group="sluice.dev", version="v1alpha1", plural="relays")


async def _one_event(**_: Any) -> AsyncIterator[dict[str, Any]]:
    yield {"type": "ADDED", "object": {}}


async def leave_watches_open(left: list[Any], *, is_ignored: bool) -> None:
    """Leave many watches open: asyncio closes their generators in random order."""
    if is_ignored:
        ignore_unclosed_generators(asyncio.get_running_loop())
    for _ in range(50):
        watch = watching.infinite_watch(settings=kopf.OperatorSettings(), resource=RELAYS, namespace=None)
        await anext(aiter(watch))
        left.append(watch)


@pytest.mark.parametrize("is_ignored", [False, True])
def test_open_watches_are_closed_without_errors_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, *, is_ignored: bool
) -> None:
    """Without the handler there must be errors. Otherwise the handler is no longer needed."""
    monkeypatch.setattr(watching, "continuous_watch", _one_event)
    left: list[Any] = []  # otherwise they would be garbage-collected one by one
    asyncio.run(leave_watches_open(left, is_ignored=is_ignored))
    errors = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert any("closing of asynchronous generator" in text for text in errors) is not is_ignored


async def test_other_errors_of_the_loop_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    loop = asyncio.get_running_loop()
    ignore_unclosed_generators(loop)
    loop.call_exception_handler({"message": "a task was lost", "exception": ValueError("broken")})
    assert "a task was lost" in caplog.text
