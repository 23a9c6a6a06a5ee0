"""Any foreign text is reported without an error, as short and valid UTF-8."""

import json
import logging

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import generate_latest
from redis.exceptions import ResponseError
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response

from sluice_common.logs import JsonFormatter, PlainFormatter
from sluice_ingester.batches.batch import Batch
from sluice_ingester.sources.failure import SourceFailure, classify_source_error, retry_after
from sluice_ingester.telemetry.health_report import HealthReport
from sluice_ingester.telemetry.metrics import Metrics
from sluice_redis.sink import errors
from sluice_wire.deadletter import DeadLetter, DeadLetterReason, InputError
from sluice_wire.events import DecodedFrame, ErrorFrame, InfoMessage

ANYTHING = st.text(st.characters(categories=None)) | st.text(st.characters(categories=["Cs", "Cc", "Cf", "Zl"]))
MOST = 8000


def is_short_utf8(text: str) -> None:
    assert text.isprintable()
    assert len(text.encode()) <= MOST


@given(ANYTHING, ANYTHING)
def test_health_fields_with_foreign_text(text: str, other: str) -> None:
    report = HealthReport("relay.test", metrics=Metrics(), pod=other, version="1")
    report.waiting(text, text, seconds=1.0)
    report.error(other, other)
    report.halted("Reason", other)
    report.warn(text)
    report.fenced(text)
    report.stream_full(text)
    report.sink_failed(errors.classify_redis_error(ResponseError(text)))
    batch = Batch()
    fault = InputError(DeadLetterReason.REPO_SKIPPED, text)
    batch.add(DecodedFrame(seq=1, dead_letters=(DeadLetter.from_error(fault, payload=b"\xff", seq=1, detail=other),)))
    report.batch_stored(batch, seconds=0.1)
    for letter in batch.append_request(expected_cursor=None, health_fields={}).dead_letters:
        is_short_utf8(letter.reason)
        is_short_utf8(letter.detail)
    for name, value in report.fields().items():
        if name != "reason":
            is_short_utf8(value)
    assert generate_latest(report.metrics.registry)


@given(ANYTHING)
def test_failures_with_foreign_text(text: str) -> None:
    is_short_utf8(SourceFailure("Closed", text).message)
    is_short_utf8(InfoMessage(name=text, message=text).name)
    is_short_utf8(ErrorFrame(error=text, message=text).message or "")
    assert ErrorFrame(error="FutureCursor").message is None
    is_short_utf8(classify_source_error(OSError(5, text), source="a.test").message)
    is_short_utf8(classify_source_error(RuntimeError(text), source="a.test").message)
    headers = Headers()
    headers.set_insecure("Retry-After", text) if hasattr(headers, "set_insecure") else None
    is_short_utf8(classify_source_error(InvalidStatus(Response(503, text, headers)), source="a.test").message)


@given(ANYTHING | st.from_regex(r"(Mon, )?[0-9]{1,30} ?(Nov )?[0-9]{1,30} [0-9:]{0,12} ?[+-]?[0-9]{0,30}"))
def test_any_retry_after(value: str) -> None:
    assert 0 <= retry_after(value) <= 600


@given(ANYTHING)
def test_log_lines_with_foreign_text(text: str) -> None:
    record = logging.LogRecord("a", logging.ERROR, "f.py", 1, text, (), (ValueError, ValueError(text), None))
    line = JsonFormatter().format(record)
    assert line.encode()
    assert "\n" not in line
    assert json.loads(line)["level"] == "error"
    record.exc_info = None
    assert PlainFormatter().format(record).encode()
