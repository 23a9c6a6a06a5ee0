import json
import logging
import sys

from sluice_common.logs import JsonFormatter, PlainFormatter


def record(message: str, **extra: str) -> logging.LogRecord:
    made = logging.LogRecord("sluice_ingester.x", logging.WARNING, "f.py", 1, message, (), None)
    made.__dict__.update(extra)
    return made


def test_one_line_one_object() -> None:
    line = JsonFormatter().format(record('two\nlines and "quotes"', source="a.test", kind="Http503"))
    assert "\n" not in line
    found = json.loads(line)
    assert (found["level"], found["source"], found["kind"]) == ("warning", "a.test", "Http503")
    assert found["time"].endswith("Z")


def test_an_exception_stays_in_the_line() -> None:
    made = record("failed")
    try:
        raise ValueError("why")
    except ValueError:
        made.exc_info = sys.exc_info()
    line = JsonFormatter().format(made)
    assert "\n" not in line
    assert "ValueError: why" in json.loads(line)["error"]


def test_plain() -> None:
    assert PlainFormatter().format(record("hello")).endswith("WARNING hello")
