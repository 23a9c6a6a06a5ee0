"""Redis is away or full, or the Secret with its URL is missing or wrong."""

from __future__ import annotations

import time
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from e2e.tests.situations.catalog.common import FAR, LATE, SOON, STARTING, mended, past_deadline, streaming
from e2e.tests.situations.situation import Act, Situation, Step, because, via
from e2e.tests.situations.stage import Stage
from e2e.tests.situations.verdicts import Verdict
from e2e.tests.wait import eventually

MARK: Final = 150
"""Half a minute of events, so that it streams before the mark is reached."""
LOW_MARK: Final = 50
ANOTHER: Final = "fills-the-stream"


def secret_name(stage: Stage) -> str:
    return f"url-{stage.name}"


def put(stage: Stage, url: str) -> None:
    """Write `url` to the situation's own Secret."""
    stage.world.secret(secret_name(stage), url=url)


def apply_with_secret(stage: Stage, *, health: dict[str, int] = FAR) -> None:
    stage.apply(redis={"secretRef": {"name": secret_name(stage)}}, health=health)


def apply_with_redis(stage: Stage) -> None:
    put(stage, stage.redis().start())
    apply_with_secret(stage)


def apply_with_evicting_redis(stage: Stage) -> None:
    put(stage, stage.redis().start())
    stage.redis().cli("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    apply_with_secret(stage, health=SOON)


def keep_keys(stage: Stage) -> None:
    stage.redis().cli("CONFIG", "SET", "maxmemory-policy", "noeviction")


def apply_with_good_url(stage: Stage) -> None:
    put(stage, stage.world.redis_url)
    apply_with_secret(stage)


def apply_with_wrong_password(stage: Stage) -> None:
    parts = urlsplit(stage.world.redis_url)
    put(stage, urlunsplit(parts._replace(netloc=f":wrong@{parts.hostname}:{parts.port}")))
    apply_with_secret(stage, health=SOON)


def change_secret(stage: Stage) -> None:
    put(stage, urlunsplit(urlsplit(stage.world.redis_url)._replace(path="/1")))


def no_memory(stage: Stage) -> None:
    stage.redis().cli("CONFIG", "SET", "maxmemory", "1")


def memory(stage: Stage) -> None:
    stage.redis().cli("CONFIG", "SET", "maxmemory", "0")


def consume(stage: Stage) -> None:
    """Empty the stream some times, so that the ingester sees room, and then raise its mark."""
    for _ in range(5):
        stage.world.redis("DEL", stage.redis_key("firehose_live"))
        time.sleep(0.5)
    stage.patch(backpressure={"highWaterMark": 1_000_000})


def apply_with_another(stage: Stage) -> None:
    """Apply it for a stream that another resource with a higher mark fills, above the mark of this one."""
    everything = {"startFrom": "live", "collections": ["*"]}
    stage.world.apply(
        stage.manifest(name=ANOTHER, firehose=everything, backpressure={"highWaterMark": 1_000_000}, health=SOON)
    )
    eventually(
        lambda: int(stage.world.redis("XLEN", stage.redis_key("firehose_live"))),
        until=lambda length: length > LOW_MARK,
        every=1,
    )
    host = stage.world.simulator(stage.name).address
    stage.apply(host=host, firehose=everything, backpressure={"highWaterMark": LOW_MARK}, health=FAR)


def says_what_to_do(stage: Stage) -> None:
    message = stage.condition("SinkWritable")["message"]
    assert "spec.backpressure.highWaterMark" in message, message
    assert "spec.redis.keyPrefix" in message, message


def restarts_are(count: int) -> Act:
    """The status counts so many restarts."""

    def look(stage: Stage) -> None:
        assert stage.status()["restarts"]["count"] == count, stage.status()["restarts"]

    return look


SITUATIONS: Final = (
    Situation(
        name="redis-down",
        seconds=70,
        steps=(
            Step(what="applied", does=apply_with_redis, becomes=Verdict.READY, through=STARTING),
            Step(
                what="Redis gone",
                does=lambda stage: stage.redis().scale(0),
                becomes=Verdict.READY,
                because=because("SinkUnreachable", "RedisUnavailable", "RedisTimeout"),
            ),
            past_deadline(Verdict.WAITING, "SinkUnreachable", stays=3),
            mended("Redis back", lambda stage: stage.redis().scale(1), through=LATE),
        ),
    ),
    Situation(
        name="redis-full",
        seconds=70,
        steps=(
            Step(what="applied", does=apply_with_redis, becomes=Verdict.READY, through=STARTING),
            Step(
                what="no memory left",
                does=no_memory,
                becomes=Verdict.READY,
                because=because("RedisOutOfMemory"),
            ),
            past_deadline(Verdict.WAITING, "RedisOutOfMemory", stays=30),
            mended("memory again", memory, through=LATE),
        ),
    ),
    Situation(
        name="wrong-password",
        seconds=50,
        steps=(
            Step(
                what="applied",
                does=apply_with_wrong_password,
                becomes=Verdict.STUCK,
                because=because("SinkUnauthorized"),
                through=LATE,
                stays=5,
            ),
            mended(
                "password mended",
                lambda stage: put(stage, stage.world.redis_url),
                through=LATE | via(Verdict.STUCK),
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
                becomes=Verdict.COMING,
                because=because("SecretMissing"),
                through=STARTING,
            ),
            past_deadline(Verdict.STUCK, "SecretMissing", through=STARTING, stays=3),
            mended("Secret created", lambda stage: put(stage, stage.world.redis_url), through=LATE),
            Step(
                what="Secret deleted",
                does=lambda stage: stage.world.kubectl("delete", "secret", secret_name(stage)),
                becomes=Verdict.STUCK,
                because=because("SecretMissing"),
                through=STARTING,
            ),
        ),
    ),
    Situation(
        name="secret-changed",
        steps=(
            Step(what="applied", does=apply_with_good_url, becomes=Verdict.READY, through=STARTING),
            Step(what="Secret changed", does=change_secret, becomes=Verdict.COMING),
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
                health=FAR,
            ),
            Step(
                what="stream at its mark",
                becomes=Verdict.READY,
                because=because("HighWaterMark"),
            ),
            past_deadline(Verdict.WAITING, "HighWaterMark", stays=5),
            mended("room again", consume, through=LATE),
        ),
    ),
    Situation(
        name="filled-by-others",
        seconds=110,
        steps=(
            Step(
                what="applied",
                does=apply_with_another,
                becomes=Verdict.COMING,
                because=because("StreamFilledByOthers"),
                through=STARTING,
                then=says_what_to_do,
            ),
            past_deadline(Verdict.WAITING, "StreamFilledByOthers", through=STARTING, stays=5),
            mended(
                "the same mark",
                lambda stage: stage.patch(backpressure={"highWaterMark": 1_000_000}),
                through=via(Verdict.COMING, Verdict.WAITING),
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
                becomes=Verdict.STUCK,
                because=because("RedisEvicts"),
                through=LATE,
                stays=5,
            ),
            mended("eviction switched off", keep_keys, through=LATE | via(Verdict.STUCK)),
        ),
    ),
)
