"""Turns responses and errors of Redis into facts about a source. Pure."""

from datetime import datetime
from typing import Any, Final

from redis import exceptions

from sluice_common.text import sanitize
from sluice_common.times import parse_time
from sluice_operator.observed.facts.redis import SinkFacts, SinkReadFailure
from sluice_operator.observed.health_hash import health_facts
from sluice_operator.observed.report_age import ReportAges
from sluice_redis.contract import HealthField, StreamKeys

REDIS_ERRORS: Final = (exceptions.RedisError, exceptions.RedisClusterException, OSError, TimeoutError)
"""What a call of redis-py raises if Redis can't be reached, or refuses the command."""
_MAX_TEXT: Final = 4096
"""More than an ingester writes. With a longer text the API server would refuse every write of the status."""

_FILE_NOT_FOUND: Final = "No such file or directory"
_FILE_ADVICE: Final = (
    "A file that the URL names must come from a Secret or a ConfigMap: see spec.podTemplate.volumes and volumeMounts"
)


def sink_facts(ages: ReportAges, keys: StreamKeys, answers: list[Any], *, now: datetime, monotonic: float) -> SinkFacts:
    """The facts from `answers`: cursor, health hash, length of the stream, and length of the dead-letter stream."""
    cursor, hash_, length, dead_letters = answers
    fields = {_text(name): _text(value) for name, value in hash_.items()}
    heartbeat = parse_time(fields.get(HealthField.BEAT))
    writer = fields.get(HealthField.POD, "")
    silent = (
        None
        if heartbeat is None
        else ages.silent_seconds(keys.health, heartbeat, writer=writer, now=now, monotonic=monotonic)
    )
    watched = ages.watched_seconds(keys.health, writer=writer, monotonic=monotonic)
    return SinkFacts(
        cursor=None if cursor is None else _text(cursor),
        length=length,
        dead_letters=dead_letters,
        health=health_facts(fields, silent_seconds=silent, watched_seconds=watched),
    )


def newest_report(answers: list[Any]) -> list[Any]:
    """The first four of `answers`, with those about former names merged into them.

    After the lengths, `answers` has a cursor and a health hash for each former name. They count while the cursor has a
    former name. The ingester reports under the new name before it renames the cursor. So the newer one of two reports
    counts.
    """
    cursor, hash_, *lengths = answers[:4]
    heartbeat = HealthField.BEAT.encode()
    for former_cursor, former_hash in zip(answers[4::2], answers[5::2], strict=True):
        if cursor is None and (former_cursor is not None or not hash_):
            cursor = former_cursor
            hash_ = max(hash_, former_hash, key=lambda found: found.get(heartbeat, b""))
    return [cursor, hash_, *lengths]


def failure_facts(error: Exception) -> SinkFacts:
    """The facts about `error`, which a read from Redis has raised."""
    text = sanitize(str(error), max_length=300) or type(error).__name__
    refused = (exceptions.AuthenticationError, exceptions.AuthorizationError, exceptions.NoPermissionError)
    if isinstance(error, refused) or text.startswith(("NOAUTH", "WRONGPASS", "NOPERM")):
        return SinkFacts(failure=SinkReadFailure.UNAUTHORIZED, failure_message=f"Redis refuses the operator: {text}")
    if isinstance(error, exceptions.ResponseError):
        return SinkFacts(failure=SinkReadFailure.ANSWERED_ERROR, failure_message=f"Redis answers: {text}")
    if isinstance(error, exceptions.TimeoutError | TimeoutError):
        text = "no answer in time"
    if _FILE_NOT_FOUND in text and "unix" not in text:
        text = f"{text} {_FILE_ADVICE}"
    return SinkFacts(failure=SinkReadFailure.UNREACHABLE, failure_message=f"Redis can't be reached: {text}")


def _text(value: bytes) -> str:
    text = value.decode(errors="surrogateescape")[:_MAX_TEXT]
    return sanitize(text, max_length=10 * _MAX_TEXT)[:_MAX_TEXT]
