"""Log lines: one JSON object each for machines, plain text for terminals; to standard error."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Final, Literal

_EXTRA: Final = ("source", "kind")


class JsonFormatter(logging.Formatter):
    """One line, one object: time, level, logger, message, and source, kind and error where known."""

    def format(self, record: logging.LogRecord) -> str:
        """`record` as JSON."""
        entry = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **{name: getattr(record, name) for name in _EXTRA if hasattr(record, name)},
        }
        if record.exc_info:
            entry["error"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False, default=str)


class PlainFormatter(logging.Formatter):
    """Time, level, message."""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname:<7} {message}", datefmt="%H:%M:%S", style="{")


def configure(*, style: Literal["json", "plain"], level: str) -> None:
    """Send every log line of the process to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if style == "json" else PlainFormatter())
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
