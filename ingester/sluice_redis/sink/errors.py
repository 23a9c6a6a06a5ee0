"""The failures of Redis, by reason: which are temporary, and which need a person.

Most failures are backpressure: they end by themselves, and the same batch is sent again. A failure is permanent if only
a person can end it.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from redis import exceptions

from sluice_common.text import error_text


class SinkReason(StrEnum):
    """Why Redis takes no events. Each docstring is a row of docs/status.md: when, and what to do."""

    HIGH_WATER_MARK = "HighWaterMark"
    """Backpressure: the stream holds `spec.backpressure.highWaterMark` entries.

    Check the consumers of the stream.
    """
    FILLED_BY_OTHERS = "StreamFilledByOthers"
    """Backpressure: the stream holds more than this source's mark, and sources with a higher mark still write.

    Give all sources of the stream the same `spec.backpressure.highWaterMark`, or this one a `spec.redis.keyPrefix`.
    """
    UNAVAILABLE = "RedisUnavailable"
    """Backpressure: Redis can't be reached.

    If it lasts, check Redis and the network.
    """
    TIMEOUT = "RedisTimeout"
    """Backpressure: Redis did not answer in time.

    If it lasts, check the load of Redis.
    """
    OUT_OF_MEMORY = "RedisOutOfMemory"
    """Backpressure: Redis has reached `maxmemory`.

    Free memory, or raise `maxmemory`.
    """
    LOADING = "RedisLoading"
    """Backpressure: Redis is loading its data."""
    READ_ONLY = "RedisReadOnly"
    """Backpressure: Redis takes no writes, for example on a replica, or because it can't save to disk.

    If it lasts, check the replication and the disk of Redis.
    """
    BUSY = "RedisBusy"
    """Backpressure: Redis runs a long script, or a cluster is moving slots.

    If it lasts, check which script runs.
    """
    AUTH = "RedisAuth"
    """Redis refuses the user or the password, or the user lacks a right.

    Correct the Secret, or grant the right: see [redis.md](redis.md).
    """
    REFUSED = "RedisRefused"
    """Redis refuses the request: the message says why.

    Do what the message says.
    """
    EVICTS = "RedisEvicts"
    """Halted: Redis would evict streams and cursors when its memory is full.

    Set `maxmemory-policy noeviction`.
    """
    TOO_LARGE = "RedisRequestTooLarge"
    """Halted: Redis refuses even the smallest request that stores an event.

    Raise its limit for the size of a request.
    """


@dataclass(frozen=True, slots=True)
class SinkFailure:
    """Why Redis did not execute a call. It is `permanent` if only a person can change that."""

    reason: SinkReason
    message: str
    permanent: bool = False


_BY_CODE: Final = {
    "OOM": SinkReason.OUT_OF_MEMORY,
    "LOADING": SinkReason.LOADING,
    "READONLY": SinkReason.READ_ONLY,
    "MASTERDOWN": SinkReason.READ_ONLY,
    "MISCONF": SinkReason.READ_ONLY,
    "NOREPLICAS": SinkReason.READ_ONLY,
    "TRYAGAIN": SinkReason.BUSY,
    "CLUSTERDOWN": SinkReason.UNAVAILABLE,
    "BUSY": SinkReason.BUSY,
    "NOAUTH": SinkReason.AUTH,
    "WRONGPASS": SinkReason.AUTH,
    "NOPERM": SinkReason.AUTH,
}
# redis-py removes the code from the messages of errors that it has a class for.
_BY_CLASS: Final[tuple[tuple[type[Exception], SinkReason], ...]] = (
    (exceptions.AuthenticationError, SinkReason.AUTH),
    (exceptions.AuthenticationWrongNumberOfArgsError, SinkReason.AUTH),
    (exceptions.AuthorizationError, SinkReason.AUTH),
    (exceptions.NoPermissionError, SinkReason.AUTH),
    (exceptions.OutOfMemoryError, SinkReason.OUT_OF_MEMORY),
    (exceptions.BusyLoadingError, SinkReason.LOADING),
    (exceptions.ReadOnlyError, SinkReason.READ_ONLY),
    (exceptions.MasterDownError, SinkReason.READ_ONLY),
    (exceptions.TryAgainError, SinkReason.BUSY),
    (exceptions.ClusterDownError, SinkReason.UNAVAILABLE),
    (exceptions.ClusterError, SinkReason.UNAVAILABLE),
    (exceptions.RedisClusterException, SinkReason.UNAVAILABLE),
    (exceptions.TimeoutError, SinkReason.TIMEOUT),
    (exceptions.ConnectionError, SinkReason.UNAVAILABLE),
    (TimeoutError, SinkReason.TIMEOUT),
    (OSError, SinkReason.UNAVAILABLE),
)
# Messages of Redis itself (proto-max-bulk-len, the number of arguments, Lua's stack), and of compatible services.
_TOO_LARGE: Final = re.compile(
    r"request (?:size|body|payload)|(?:request|command|payload|value|string|argument|bulk|query)s?\b.{0,20}"
    r"\btoo (?:large|big|long)|exceed.{0,40}\b(?:size|length|bytes)|invalid (?:multi)?bulk length"
    r"|too (?:large|big) (?:a )?(?:request|command|payload)|too many (?:arguments|results)",
    re.IGNORECASE,
)
# The messages of scripts have no code.
_PERMISSION_DENIED: Final = re.compile("can't run this command|can't access at least one of the keys")
_WRONG_TYPE_HINT: Final = "the key has a value of another type: RENAME or DEL it, or set spec.redis.keyPrefix"
_HINTS: Final = {
    SinkReason.AUTH: "check user and password in REDIS_URL, and the user's ACL rules",
    SinkReason.TOO_LARGE: "raise the limit of this Redis for the size of one request",
    SinkReason.OUT_OF_MEMORY: "give Redis more memory, or let consumers delete what they have read",
}


class SinkError(Exception):
    """Redis did not execute a call, or it is unknown whether it did. `failure` says why."""

    def __init__(self, failure: SinkFailure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def classify_redis_error(error: Exception) -> SinkFailure:
    """The failure for `error`, which the client has raised."""
    text = error_text(error, max_length=300)
    reason = _BY_CODE.get(text.split(" ", 1)[0]) or next(
        (reason for kind, reason in _BY_CLASS if isinstance(error, kind)), SinkReason.REFUSED
    )
    if reason is SinkReason.REFUSED and "near '#'" in text:
        text = "this Redis does not know scripts with #!lua: use Redis 7 or newer, or Valkey"
    if reason is SinkReason.REFUSED and _TOO_LARGE.search(text):
        reason = SinkReason.TOO_LARGE
    if reason is SinkReason.REFUSED and _PERMISSION_DENIED.search(text):
        reason = SinkReason.AUTH
    hint = _WRONG_TYPE_HINT if text.startswith("WRONGTYPE") else _HINTS.get(reason)
    return SinkFailure(
        reason=reason,
        message=f"Redis: {text}" + (f" ({hint})" if hint else ""),
        permanent=reason in {SinkReason.AUTH, SinkReason.REFUSED, SinkReason.TOO_LARGE},
    )
