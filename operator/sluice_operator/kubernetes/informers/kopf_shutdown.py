"""What is left open when the process ends, and is no fault of anybody who reads the log.

kopf leaves the generators of its watches open if it is ended while they have just brought an event. asyncio closes
them at its own end, all at once: one that finds what it holds closed already complains, with a traceback.
"""

import asyncio
import logging
from typing import Any

logger = logging.getLogger(__name__)


def ignore_unclosed_generators(loop: asyncio.AbstractEventLoop) -> None:
    """Let `loop` say nothing of generators that it could not close in good order; of all else as ever."""
    loop.set_exception_handler(_handle_exception)


def _handle_exception(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    if "asyncgen" in context:
        logger.debug("%s: %r", context["message"], context["exception"])
    else:
        loop.default_exception_handler(context)
