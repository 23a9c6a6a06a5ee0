"""Logs: one JSON object a line, or plain lines for terminals."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Final, Literal

_KOPF_WATCH_LOGGERS: Final = ("kopf._core.reactor.orchestration", "kopf._core.reactor.running")
"""They tell with a traceback that a watch has ended: the operator begins it anew, and tells what lasts: see `kinds`."""
_LIBRARY_LOGGERS: Final = ("kopf", "aiohttp.access", "asyncio", "kubernetes")


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `time`, `level`, `logger`, `message`, and `error` with a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def configure_logs(*, style: Literal["json", "plain"], level: str) -> None:
    """Log to standard error from `level` on; libraries only what is wrong, unless the level is debug."""
    handler = logging.StreamHandler(sys.stderr)
    plain = logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    handler.setFormatter(JsonFormatter() if style == "json" else plain)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in _LIBRARY_LOGGERS:
        logging.getLogger(name).setLevel(logging.NOTSET if level == "debug" else logging.WARNING)
    for name in _KOPF_WATCH_LOGGERS:
        logging.getLogger(name).setLevel(logging.NOTSET if level == "debug" else logging.CRITICAL)
