"""The largest request that a Redis server takes: read from its error, or found by halving."""

import pytest
from redis import exceptions

from sluice_redis.sink.errors import SinkFailure, SinkReason, classify_redis_error
from sluice_redis.sink.request_limit import (
    MIN_SINGLE_EVENT_BYTES,
    MIN_SUSPECT_BYTES,
    SUSPICIONS_NEEDED,
    RequestSizeLimit,
)

ERROR_WITH_LIMIT = "ERR max request size exceeded. Limit: 1048576 bytes, Actual: 2400000 bytes."


@pytest.mark.parametrize(
    "error_text",
    [
        "max request size exceeded. Limit: 1048576 bytes, Actual: 2400000 bytes.",
        "Protocol error: invalid bulk length",
        "Protocol error: invalid multibulk length",
        "string exceeds maximum allowed size (proto-max-bulk-len)",
        "Request body too large",
        "request payload exceeded the limit",
        "command too large",
        "value is too big",
        "too many arguments",
        "user_script:1: too many results to unpack",
        "Maximum request size is 512 KB",
    ],
)
def test_errors_of_a_request_that_is_too_large(error_text: str) -> None:
    failure = classify_redis_error(exceptions.ResponseError(error_text))
    assert (failure.reason, failure.permanent) == (SinkReason.TOO_LARGE, True)
    assert error_text[:20] in failure.message


@pytest.mark.parametrize(
    "error_text",
    [
        "WRONGTYPE Operation against a key holding the wrong kind of value",
        "unknown command 'EVAL'",
        "max number of clients reached",
        "firehose_live has used up the IDs of its entries",
        "Error running script: attempt to index a nil value",
        "DB index is out of range",
        "max daily request limit exceeded. Limit: 10000, Usage: 10000.",
        "max requests limit exceeded",
        "too many requests",
    ],
)
def test_errors_of_other_refusals(error_text: str) -> None:
    assert classify_redis_error(exceptions.ResponseError(error_text)).reason is SinkReason.REFUSED


def test_out_of_memory_is_not_too_large() -> None:
    error = exceptions.OutOfMemoryError("command not allowed when used memory > 'maxmemory'.")
    assert classify_redis_error(error).reason is SinkReason.OUT_OF_MEMORY


def test_a_limit_in_the_error_is_used() -> None:
    limit = RequestSizeLimit()
    assert limit.allows(10**9)
    limit.record_refusal(2_400_000, SinkFailure(SinkReason.TOO_LARGE, ERROR_WITH_LIMIT))
    assert limit.max_bytes == 1_048_576
    assert limit.allows(1_048_576)
    assert not limit.allows(1_048_577)


def test_without_a_limit_in_the_error_it_is_found_by_halving() -> None:
    limit = RequestSizeLimit()
    for size, found in ((400_000, 200_000), (200_000, 100_000), (150_000, 75_000), (300_000, 75_000)):
        limit.record_refusal(size, SinkFailure(SinkReason.TOO_LARGE, "request too large"))
        assert limit.max_bytes == found


def test_a_connection_that_closes_is_suspect_only_for_large_requests() -> None:
    limit, gone = RequestSizeLimit(), SinkFailure(SinkReason.UNAVAILABLE, "Connection closed by server.")
    assert limit.may_be_too_large(gone, MIN_SUSPECT_BYTES, single_event=False)
    assert not limit.may_be_too_large(gone, MIN_SUSPECT_BYTES - 1, single_event=False)
    assert not limit.may_be_too_large(gone, MIN_SINGLE_EVENT_BYTES - 1, single_event=True)
    assert limit.may_be_too_large(gone, MIN_SINGLE_EVENT_BYTES, single_event=True)
    assert not limit.may_be_too_large(SinkFailure(SinkReason.OUT_OF_MEMORY, "OOM"), 10**9, single_event=False)
    assert [limit.record_suspicion() for _ in range(SUSPICIONS_NEEDED)] == [False] * (SUSPICIONS_NEEDED - 1) + [True]
    limit.record_success()
    assert not limit.record_suspicion()
