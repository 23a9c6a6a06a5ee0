"""Log formats: one line a record, as JSON or as plain text."""

import json
import logging
import sys
from collections.abc import Iterator

import pytest

from sluice_common.logs import JsonFormatter, PlainFormatter, configure


def record(message: str, **extra: str) -> logging.LogRecord:
    made = logging.LogRecord("sluice_ingester.x", logging.WARNING, "f.py", 1, message, (), None)
    made.__dict__.update(extra)
    return made


def test_a_json_record_is_one_line() -> None:
    line = JsonFormatter(extra_fields=("source", "kind", "absent")).format(
        record('two\nlines and "quotes"', source="a.test", kind="Http503")
    )
    assert "\n" not in line
    found = json.loads(line)
    assert (found["level"], found["source"], found["kind"]) == ("warning", "a.test", "Http503")
    assert found["time"].endswith("Z")
    assert "absent" not in found


def test_an_exception_stays_in_the_line() -> None:
    made = record("failed")
    try:
        raise ValueError("why")
    except ValueError:
        made.exc_info = sys.exc_info()
    line = JsonFormatter().format(made)
    assert "\n" not in line
    assert "ValueError: why" in json.loads(line)["error"]


def test_the_plain_format() -> None:
    assert PlainFormatter().format(record("hello")).endswith("WARNING hello")
    named = PlainFormatter(logger_names=True).format(record("hello"))
    assert named.endswith("WARNING sluice_ingester.x: hello")


@pytest.fixture
def _root_logger() -> Iterator[None]:
    root, loud = logging.getLogger(), logging.getLogger("test.loud")
    before = root.handlers[:], root.level, loud.level
    yield
    root.handlers[:], root.level = before[:2]
    loud.setLevel(before[2])


@pytest.mark.usefixtures("_root_logger")
@pytest.mark.parametrize(("level", "least"), [("info", logging.ERROR), ("debug", logging.NOTSET)])
def test_a_logger_has_its_own_level_except_at_debug(level: str, least: int) -> None:
    configure(style="json", level=level, least_levels={"test.loud": logging.ERROR})
    assert logging.getLogger("test.loud").level == least
    assert logging.getLogger().level == logging.getLevelName(level.upper())
