"""Errors of Redis and of the connection to it, by reason."""

from collections.abc import Callable

import pytest
from redis import exceptions
from redis.asyncio.connection import Connection

from sluice_redis.sink.errors import SinkReason, classify_redis_error


def parsed_error(line: str) -> Exception:
    """The exception that the client makes of an error reply."""
    parse: Callable[[str], object] = Connection()._parser.parse_error
    error = parse(line)
    assert isinstance(error, Exception)
    return error


@pytest.mark.parametrize(
    ("line", "reason", "lasting"),
    [
        (
            "OOM command not allowed when used memory > 'maxmemory'. script: 1",
            "RedisOutOfMemory",
            False,
        ),
        ("LOADING Redis is loading the dataset in memory", "RedisLoading", False),
        ("READONLY You can't write against a read only replica.", "RedisReadOnly", False),
        ("MASTERDOWN Link with MASTER is down", "RedisReadOnly", False),
        ("MISCONF Redis is configured to save RDB snapshots, but is unable to persist", "RedisReadOnly", False),
        ("NOREPLICAS Not enough good replicas to write.", "RedisReadOnly", False),
        ("TRYAGAIN Multiple keys request during rehashing of slot", "RedisBusy", False),
        ("BUSY Redis is busy running a script.", "RedisBusy", False),
        ("CLUSTERDOWN The cluster is down", "RedisUnavailable", False),
        ("ERR max number of clients reached", "RedisUnavailable", False),
        ("NOAUTH Authentication required.", "RedisAuth", True),
        ("WRONGPASS invalid username-password pair or user is disabled.", "RedisAuth", True),
        ("NOPERM User x has no permissions to run the 'evalsha' command", "RedisAuth", True),
        ("WRONGTYPE Operation against a key holding the wrong kind of value", "RedisRefused", True),
        ("ERR unknown command 'EVALSHA'", "RedisRefused", True),
        ("CROSSSLOT Keys in request don't hash to the same slot", "RedisRefused", True),
    ],
)
def test_error_replies_of_redis(line: str, reason: str, *, lasting: bool) -> None:
    failure = classify_redis_error(parsed_error(line))
    assert (failure.reason, failure.permanent) == (reason, lasting)
    assert "\n" not in failure.message


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (exceptions.ConnectionError("Connection closed by server."), SinkReason.UNAVAILABLE),
        (exceptions.TimeoutError("Timeout connecting to server"), SinkReason.TIMEOUT),
        (TimeoutError("no answer in 10 s"), SinkReason.TIMEOUT),
        (ConnectionResetError(104, "Connection reset by peer"), SinkReason.UNAVAILABLE),
    ],
)
def test_errors_of_the_connection(error: Exception, reason: SinkReason) -> None:
    failure = classify_redis_error(error)
    assert (failure.reason, failure.permanent) == (reason, False)


def test_the_error_of_an_old_redis_names_the_version_needed() -> None:
    line = "ERR Error compiling script (new function): user_script:1: unexpected symbol near '#'"
    assert "Redis 7 or newer" in classify_redis_error(parsed_error(line)).message
