"""Log lines: one JSON object each for machines, plain text for terminals; to standard error."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Final, Literal

from sluice_common.text import sanitize

_EXTRA_FIELDS: Final = ("source", "kind")
_MAX_MESSAGE: Final = 16_384


class JsonFormatter(logging.Formatter):
    """One line, one object: time, level, logger, message, and source, kind and error where known."""

    def format(self, record: logging.LogRecord) -> str:
        """`record` as JSON."""
        entry = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": sanitize(record.getMessage(), max_length=_MAX_MESSAGE),
            **{name: getattr(record, name) for name in _EXTRA_FIELDS if hasattr(record, name)},
        }
        if record.exc_info:
            entry["error"] = self.formatException(record.exc_info)
        line = json.dumps(entry, ensure_ascii=False, default=str)
        return line.encode(errors="backslashreplace").decode()  # a traceback, too, may hold what is no text


class PlainFormatter(logging.Formatter):
    """Time, level, message."""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname:<7} {message}", datefmt="%H:%M:%S", style="{")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is logging's own
        """The line, from a message that may quote anybody."""
        record.message = sanitize(record.message, max_length=_MAX_MESSAGE)
        return super().formatMessage(record)


def configure(*, style: Literal["json", "plain"], level: str) -> None:
    """Send every log line of the process to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if style == "json" else PlainFormatter())
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
