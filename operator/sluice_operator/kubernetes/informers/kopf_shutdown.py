"""Keeps the log of a clean shutdown free of tracebacks that kopf causes.

If kopf ends right after a watch has delivered an event, it leaves the generator of that watch open. asyncio closes it
when the loop ends. If its resources are closed by then, that fails, and asyncio logs a traceback.
"""

import asyncio
import logging
from typing import Any

logger = logging.getLogger(__name__)


def ignore_unclosed_generators(loop: asyncio.AbstractEventLoop) -> None:
    """Let `loop` log errors of generators at its end only at level debug, and all others as before."""
    loop.set_exception_handler(_handle_exception)


def _handle_exception(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    if "asyncgen" in context:
        logger.debug("%s: %r", context["message"], context["exception"])
    else:
        loop.default_exception_handler(context)
