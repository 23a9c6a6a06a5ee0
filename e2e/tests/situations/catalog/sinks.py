"""Redis is down or full, or the Secret with its URL is missing or wrong."""

from __future__ import annotations

import time
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from e2e.tests.situations.catalog.common import (
    FAR,
    LATE,
    SHORT,
    SOON,
    STARTING,
    corrected,
    overdue,
    past_deadline,
    streaming,
)
from e2e.tests.situations.situation import Act, Situation, Step, because, via
from e2e.tests.situations.subject import Subject
from e2e.tests.situations.verdicts import Verdict
from e2e.tests.wait import eventually

MARK: Final = 150
"""Half a minute of events, so that it streams before the mark is reached."""
LOW_MARK: Final = 50
ANOTHER: Final = "fills-the-stream"


def secret_name(subject: Subject) -> str:
    return f"url-{subject.name}"


def put(subject: Subject, url: str) -> None:
    """Write `url` to the situation's own Secret."""
    subject.environment.secret(secret_name(subject), url=url)


def apply_with_secret(subject: Subject, *, health: dict[str, int] = FAR) -> None:
    subject.apply(redis={"secretRef": {"name": secret_name(subject)}}, health=health)


def apply_with_redis(subject: Subject) -> None:
    put(subject, subject.redis().start())
    apply_with_secret(subject, health=SHORT)


def apply_with_evicting_redis(subject: Subject) -> None:
    put(subject, subject.redis().start())
    subject.redis().cli("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    apply_with_secret(subject, health=SOON)


def keep_keys(subject: Subject) -> None:
    subject.redis().cli("CONFIG", "SET", "maxmemory-policy", "noeviction")


def apply_with_good_url(subject: Subject) -> None:
    put(subject, subject.environment.redis_url)
    apply_with_secret(subject)


def apply_with_wrong_password(subject: Subject) -> None:
    parts = urlsplit(subject.environment.redis_url)
    put(subject, urlunsplit(parts._replace(netloc=f":wrong@{parts.hostname}:{parts.port}")))
    apply_with_secret(subject, health=SOON)


def change_secret(subject: Subject) -> None:
    put(subject, urlunsplit(urlsplit(subject.environment.redis_url)._replace(path="/1")))


def no_memory(subject: Subject) -> None:
    subject.redis().cli("CONFIG", "SET", "maxmemory", "1")


def memory(subject: Subject) -> None:
    subject.redis().cli("CONFIG", "SET", "maxmemory", "0")


def consume(subject: Subject) -> None:
    """Empty the stream repeatedly, so that the ingester sees room, and then raise its mark."""
    for _ in range(5):
        subject.environment.redis("DEL", subject.redis_key("firehose_live"))
        time.sleep(0.5)
    subject.patch(backpressure={"highWaterMark": 1_000_000})


def apply_with_another(subject: Subject) -> None:
    """Apply it for a stream that another resource with a higher mark fills, above the mark of this one."""
    everything = {"startFrom": "live", "collections": ["*"]}
    subject.environment.apply(
        subject.manifest(name=ANOTHER, firehose=everything, backpressure={"highWaterMark": 1_000_000}, health=SOON)
    )
    eventually(
        lambda: int(subject.environment.redis("XLEN", subject.redis_key("firehose_live"))),
        until=lambda length: length > LOW_MARK,
        every=1,
    )
    host = subject.environment.simulator(subject.name).address
    subject.apply(host=host, firehose=everything, backpressure={"highWaterMark": LOW_MARK}, health=FAR)


def message_says_what_to_do(subject: Subject) -> None:
    message = subject.condition("SinkWritable")["message"]
    assert "spec.backpressure.highWaterMark" in message, message
    assert "spec.redis.keyPrefix" in message, message


def restarts_are(count: int) -> Act:
    """The status must have `count` restarts."""

    def check(subject: Subject) -> None:
        assert subject.status()["restarts"]["count"] == count, subject.status()["restarts"]

    return check


SITUATIONS: Final = (
    Situation(
        name="redis-down",
        seconds=70,
        steps=(
            Step(what="applied", does=apply_with_redis, becomes=Verdict.READY, through=LATE),
            Step(
                what="Redis down",
                does=lambda subject: subject.redis().scale(0),
                becomes=Verdict.READY,
                because=because("SinkUnreachable", "RedisUnavailable", "RedisTimeout"),
            ),
            overdue("SinkUnreachable", stays=3),
            corrected("Redis back", lambda subject: subject.redis().scale(1), through=LATE),
        ),
    ),
    Situation(
        name="redis-full",
        seconds=70,
        steps=(
            Step(what="applied", does=apply_with_redis, becomes=Verdict.READY, through=LATE),
            Step(
                what="no memory left",
                does=no_memory,
                becomes=Verdict.READY,
                because=because("RedisOutOfMemory"),
            ),
            overdue("RedisOutOfMemory", stays=30),
            corrected("memory limit removed", memory, through=LATE),
        ),
    ),
    Situation(
        name="wrong-password",
        seconds=50,
        steps=(
            Step(
                what="applied",
                does=apply_with_wrong_password,
                becomes=Verdict.STALLED,
                because=because("SinkUnauthorized"),
                through=LATE,
                stays=5,
            ),
            corrected(
                "password corrected",
                lambda subject: put(subject, subject.environment.redis_url),
                through=LATE | via(Verdict.STALLED),
            ),
        ),
    ),
    Situation(
        name="missing-secret",
        seconds=60,
        steps=(
            Step(
                what="applied",
                does=apply_with_secret,
                becomes=Verdict.PROGRESSING,
                because=because("SecretMissing"),
                through=STARTING,
            ),
            past_deadline(Verdict.STALLED, "SecretMissing", through=STARTING, stays=3),
            corrected("Secret created", lambda subject: put(subject, subject.environment.redis_url), through=LATE),
            Step(
                what="Secret deleted",
                does=lambda subject: subject.environment.kubectl("delete", "secret", secret_name(subject)),
                becomes=Verdict.STALLED,
                because=because("SecretMissing"),
                through=STARTING,
            ),
        ),
    ),
    Situation(
        name="secret-changed",
        steps=(
            Step(what="applied", does=apply_with_good_url, becomes=Verdict.READY, through=STARTING),
            Step(what="Secret changed", does=change_secret, becomes=Verdict.PROGRESSING),
            Step(
                what="rolled out",
                becomes=Verdict.READY,
                because=because("Streaming"),
                through=LATE,
                stays=3,
                then=restarts_are(0),
            ),
        ),
    ),
    Situation(
        name="backpressure",
        seconds=80,
        steps=(
            streaming(
                firehose={"startFrom": "live", "collections": ["*"]},
                backpressure={"highWaterMark": MARK},
                health=SHORT,
                through=LATE,
            ),
            Step(
                what="stream at its high-water mark",
                becomes=Verdict.READY,
                because=because("HighWaterMark"),
            ),
            overdue("HighWaterMark", stays=5),
            corrected("stream emptied, mark raised", consume, through=LATE),
        ),
    ),
    Situation(
        name="filled-by-others",
        seconds=110,
        steps=(
            Step(
                what="applied",
                does=apply_with_another,
                becomes=Verdict.PROGRESSING,
                because=because("StreamFilledByOthers"),
                through=STARTING,
                then=message_says_what_to_do,
            ),
            past_deadline(Verdict.DEGRADED, "StreamFilledByOthers", through=STARTING, stays=5),
            corrected(
                "mark raised",
                lambda subject: subject.patch(backpressure={"highWaterMark": 1_000_000}),
                through=via(Verdict.PROGRESSING, Verdict.DEGRADED),
            ),
        ),
    ),
    Situation(
        name="redis-evicts",
        seconds=50,
        steps=(
            Step(
                what="applied",
                does=apply_with_evicting_redis,
                becomes=Verdict.STALLED,
                because=because("RedisEvicts"),
                through=LATE,
                stays=5,
            ),
            corrected("eviction switched off", keep_keys, through=LATE | via(Verdict.STALLED)),
        ),
    ),
)
