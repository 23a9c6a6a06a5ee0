"""Failures of a source: their kind, their message and the pause that they ask for."""

import ssl
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from socket import gaierror

import pytest
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosedError, InvalidMessage, InvalidProxyStatus, InvalidStatus, InvalidURI
from websockets.frames import Close
from websockets.http11 import Response

from sluice_ingester.sources.failure import SourceFailure, classify_source_error


def refused(status: HTTPStatus, **headers: str) -> InvalidStatus:
    return InvalidStatus(Response(status, status.phrase, Headers(headers), b"<html>"))


def test_retry_after_can_be_a_date() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    failure = classify_source_error(refused(HTTPStatus.TOO_MANY_REQUESTS, **{"Retry-After": date}), source="a.test")
    assert 80 < failure.min_delay <= 90


@pytest.mark.parametrize("value", ["soon", "", "-5", "²", "Mon, 99 Xyz"])
def test_a_malformed_retry_after_is_ignored(value: str) -> None:
    assert (
        classify_source_error(
            refused(HTTPStatus.TOO_MANY_REQUESTS, **{"Retry-After": value}), source="a.test"
        ).min_delay
        == 0
    )


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (refused(HTTPStatus.BAD_GATEWAY), "Http502"),
        (gaierror(-2, "Name or service not known"), "NameUnknown"),
        (ConnectionRefusedError(111, "Connection refused"), "ConnectFailed"),
        (TimeoutError("timed out during opening handshake"), "ConnectTimeout"),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"), "TlsFailed"),
        (ssl.SSLCertVerificationError(1, "certificate verify failed"), "TlsFailed"),
        (InvalidURI("https://x", "scheme isn't ws or wss"), "RedirectRefused"),
        (InvalidMessage("did not receive a valid HTTP response"), "NoWebSocket"),
        (InvalidProxyStatus(Response(407, "Proxy Authentication Required", Headers())), "ProxyFailed"),
        (ConnectionClosedError(None, None), "ConnectionLost"),
        (ConnectionClosedError(Close(1008, "ConsumerTooSlow"), Close(1008, ""), rcvd_then_sent=True), "Closed"),
        (ConnectionClosedError(None, Close(1009, "frame too big")), "FrameTooLarge"),
        (ConnectionClosedError(None, Close(1002, "reserved bits")), "ProtocolError"),
        (RuntimeError("anything"), "NoWebSocket"),
    ],
)
def test_a_failure_has_one_kind_and_one_line(error: Exception, kind: str) -> None:
    failure = classify_source_error(error, source="relay.test:99")
    assert failure.kind == kind
    assert "relay.test:99" in failure.message
    assert "\n" not in failure.message
    assert "<html>" not in failure.message


def test_a_close_reports_the_sources_reason() -> None:
    error = ConnectionClosedError(Close(1001, "going away"), Close(1001, ""), rcvd_then_sent=True)
    assert classify_source_error(error, source="a.test") == SourceFailure(
        "Closed", "a.test closed the connection with 1001 (going away)"
    )
