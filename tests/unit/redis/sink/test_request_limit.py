import pytest
from redis import exceptions

from sluice_redis.sink.errors import SinkReason, Trouble, explain
from sluice_redis.sink.request_limit import LEAST_ALONE_BYTES, STRIKES, SUSPECT_BYTES, Limit

TOLD = "ERR max request size exceeded. Limit: 1048576 bytes, Actual: 2400000 bytes."


@pytest.mark.parametrize(
    "words",
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
def test_words_of_a_request_that_is_too_large(words: str) -> None:
    trouble = explain(exceptions.ResponseError(words))
    assert (trouble.reason, trouble.lasting) == (SinkReason.TOO_LARGE, True)
    assert words[:20] in trouble.message


@pytest.mark.parametrize(
    "words",
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
def test_words_of_another_refusal(words: str) -> None:
    assert explain(exceptions.ResponseError(words)).reason is SinkReason.REFUSED


def test_out_of_memory_is_not_too_large() -> None:
    error = exceptions.OutOfMemoryError("command not allowed when used memory > 'maxmemory'.")
    assert explain(error).reason is SinkReason.OUT_OF_MEMORY


def test_a_limit_that_is_told_is_taken_at_its_word() -> None:
    limit = Limit()
    assert limit.lets(10**9)
    limit.learn(2_400_000, Trouble(SinkReason.TOO_LARGE, TOLD))
    assert limit.bytes == 1_048_576
    assert limit.lets(1_048_576)
    assert not limit.lets(1_048_577)


def test_one_that_is_not_told_is_found_by_halving() -> None:
    limit = Limit()
    for size, found in ((400_000, 200_000), (200_000, 100_000), (150_000, 75_000), (300_000, 75_000)):
        limit.learn(size, Trouble(SinkReason.TOO_LARGE, "request too large"))
        assert limit.bytes == found


def test_a_connection_that_closes_is_suspect_only_for_large_requests() -> None:
    limit, gone = Limit(), Trouble(SinkReason.UNAVAILABLE, "Connection closed by server.")
    assert limit.suspects(gone, SUSPECT_BYTES, alone=False)
    assert not limit.suspects(gone, SUSPECT_BYTES - 1, alone=False)
    assert not limit.suspects(gone, LEAST_ALONE_BYTES - 1, alone=True)
    assert limit.suspects(gone, LEAST_ALONE_BYTES, alone=True)
    assert not limit.suspects(Trouble(SinkReason.OUT_OF_MEMORY, "OOM"), 10**9, alone=False)
    assert [limit.strike() for _ in range(STRIKES)] == [False] * (STRIKES - 1) + [True]
    limit.taken()
    assert not limit.strike()
