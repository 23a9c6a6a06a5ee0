"""The operator's logs: the format that all of Sluice shares, with levels for the libraries."""

import logging
from typing import Final, Literal

from sluice_common.logs import configure

_LIBRARY_LOGGERS: Final = ("kopf", "aiohttp.access", "asyncio", "kubernetes")
_KOPF_WATCH_LOGGERS: Final = ("kopf._core.reactor.orchestration", "kopf._core.reactor.running")
"""They log a traceback whenever a watch ends. The operator starts it again and reports problems that last itself."""


def configure_logs(*, style: Literal["json", "plain"], level: str) -> None:
    """Log to standard error from `level` on. Libraries log only warnings and errors, unless the level is debug."""
    configure(style=style, level=level)
    is_debug = level == "debug"
    for name in _LIBRARY_LOGGERS:
        logging.getLogger(name).setLevel(logging.NOTSET if is_debug else logging.WARNING)
    for name in _KOPF_WATCH_LOGGERS:
        logging.getLogger(name).setLevel(logging.NOTSET if is_debug else logging.CRITICAL)
