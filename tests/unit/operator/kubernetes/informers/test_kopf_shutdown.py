"""The end of the event loop, with watches of kopf's that were left in their midst."""

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


async def leave_watches_open(left: list[Any], *, quietly: bool) -> None:
    """As many as it takes: in which order asyncio closes what they consist of is by chance."""
    if quietly:
        ignore_unclosed_generators(asyncio.get_running_loop())
    for _ in range(50):
        watch = watching.infinite_watch(settings=kopf.OperatorSettings(), resource=RELAYS, namespace=None)
        await anext(aiter(watch))
        left.append(watch)


@pytest.mark.parametrize("quietly", [False, True])
def test_watches_that_were_left_open_are_closed_without_a_word(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, *, quietly: bool
) -> None:
    """Without the operator's handler there are words: else there is nothing to hold back any more."""
    monkeypatch.setattr(watching, "continuous_watch", _one_event)
    left: list[Any] = []  # and kept, or they would be closed one by one
    asyncio.run(leave_watches_open(left, quietly=quietly))
    words = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert any("closing of asynchronous generator" in text for text in words) is not quietly


async def test_what_else_the_loop_has_to_say_is_said(caplog: pytest.LogCaptureFixture) -> None:
    loop = asyncio.get_running_loop()
    ignore_unclosed_generators(loop)
    loop.call_exception_handler({"message": "a task was lost", "exception": ValueError("broken")})
    assert "a task was lost" in caplog.text
