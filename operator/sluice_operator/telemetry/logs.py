"""The operator's logs: the format that all of Sluice shares, with levels for the libraries."""

import logging
from typing import Final

from sluice_common.logs import LogFormat, LogLevel, configure

_LIBRARIES: Final = dict.fromkeys(("kopf", "aiohttp.access", "asyncio", "kubernetes"), logging.WARNING)
_KOPF_WATCHES: Final = dict.fromkeys(
    ("kopf._core.reactor.orchestration", "kopf._core.reactor.running"), logging.CRITICAL
)
"""They log a traceback whenever a watch ends. The operator starts it again and reports problems that last itself."""


def configure_logs(*, style: LogFormat, level: LogLevel) -> None:
    """Log to standard error from `level` on. Libraries log only warnings and errors, unless the level is debug."""
    configure(style=style, level=level, logger_names=True, least_levels={**_LIBRARIES, **_KOPF_WATCHES})
