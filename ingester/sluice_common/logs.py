"""Log lines on standard error: one JSON object a line for machines, plain text for terminals."""

import json
import logging
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from sluice_common.text import sanitize
from sluice_common.times import format_time

_MAX_MESSAGE: Final = 16_384


class LogFormat(StrEnum):
    """How log lines are written."""

    JSON = "json"
    PLAIN = "plain"


class LogLevel(StrEnum):
    """The lowest level that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class JsonFormatter(logging.Formatter):
    """One JSON object: `time`, `level`, `logger`, `message`, the `extra_fields` that a record has, and `error`."""

    def __init__(self, *, extra_fields: Sequence[str] = ()) -> None:
        """`extra_fields` are names of attributes that callers give with `extra=`."""
        super().__init__()
        self._extra_fields = tuple(extra_fields)

    def format(self, record: logging.LogRecord) -> str:
        """`record` as JSON."""
        entry = {
            "time": format_time(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": sanitize(record.getMessage(), max_length=_MAX_MESSAGE),
            **{name: getattr(record, name) for name in self._extra_fields if hasattr(record, name)},
        }
        if record.exc_info:
            entry["error"] = self.formatException(record.exc_info)
        line = json.dumps(entry, ensure_ascii=False, default=str)
        return line.encode(errors="backslashreplace").decode()  # a traceback may contain lone surrogates


class PlainFormatter(logging.Formatter):
    """Time, level and message; with `logger_names` also the name of the logger."""

    def __init__(self, *, logger_names: bool = False) -> None:
        name = "{name}: " if logger_names else ""
        super().__init__(f"{{asctime}} {{levelname:<7}} {name}{{message}}", datefmt="%H:%M:%S", style="{")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is logging's own
        """The line. Its message may contain foreign text."""
        record.message = sanitize(record.message, max_length=_MAX_MESSAGE)
        return super().formatMessage(record)


def configure(
    *,
    style: LogFormat,
    level: LogLevel,
    extra_fields: Sequence[str] = (),
    logger_names: bool = False,
    least_levels: Mapping[str, int] | None = None,
) -> None:
    """Send every log line of the process to standard error.

    `least_levels` are levels of single loggers, by name. They do not hold if `level` is debug.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JsonFormatter(extra_fields=extra_fields)
        if style == LogFormat.JSON
        else PlainFormatter(logger_names=logger_names)
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for name, least in (least_levels or {}).items():
        logging.getLogger(name).setLevel(logging.NOTSET if level == LogLevel.DEBUG else least)
