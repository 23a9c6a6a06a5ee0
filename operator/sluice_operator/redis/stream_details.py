"""The bytes of a stream and its consumer groups, which cost Redis more than the rest of a look.

`MEMORY USAGE` walks through all groups and consumers, and `XINFO GROUPS` answers with all groups, so both are asked
at intervals, once for all sources that share the stream, in the same round trip as the rest. What is known of the
oldest entry that is pending takes one more, and only if an entry is. A user who may not ask is no trouble: then the
numbers are absent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from redis import exceptions

from sluice_operator.observed.facts import ConsumerGroupFacts, RedisStreamFacts
from sluice_redis.client import RedisClient

MAX_GROUPS: Final = 20
"""So many groups are told of, so that a status doesn't grow without a limit."""
_SAMPLES: Final = 5
_MAX_NAME_LENGTH: Final = 250


@dataclass(slots=True)
class _Entry:
    facts: RedisStreamFacts | None
    queried_at: float
    """When Redis was asked, on the monotonic clock."""


class StreamDetails:
    """What is known of the streams of one Redis."""

    def __init__(self, *, interval_seconds: float) -> None:
        self._interval = interval_seconds
        self._entries: dict[str, _Entry] = {}

    def facts(self, key: str) -> RedisStreamFacts | None:
        """What is known of the stream at `key`."""
        known = self._entries.get(key)
        return known.facts if known else None

    def add_queries(self, pipe: Any, key: str, *, monotonic: float) -> bool:
        """Put the questions about the stream at `key` into `pipe`, if it is time. Whether it was."""
        known = self._entries.setdefault(key, _Entry(facts=None, queried_at=float("-inf")))
        if known.facts is not None and monotonic - known.queried_at < self._interval:
            return False
        known.queried_at = monotonic  # nobody else needs to ask meanwhile
        pipe.memory_usage(key, samples=_SAMPLES)
        pipe.xinfo_groups(key)
        return True

    def evict(self, *, before: float) -> None:
        """Forget the streams that nobody has needed to ask about since `before`, on the monotonic clock."""
        self._entries = {key: known for key, known in self._entries.items() if known.queried_at >= before}

    async def store_answers(self, client: RedisClient, key: str, answers: Sequence[Any]) -> None:
        """Take in the `answers` to those questions. Raises RedisError or OSError if Redis is gone meanwhile."""
        used, rows = answers
        groups = [] if isinstance(rows, Exception) else [(row["name"], group_facts(row)) for row in rows]
        told = dict(sorted(groups, key=_lag_order)[:MAX_GROUPS])
        waiting = [name for name, group in told.items() if group.pending]
        for name, seconds in (await _oldest_pending(client, key, waiting)).items():
            told[name] = replace(told[name], oldest_pending_seconds=seconds)
        # Names that are no text may look alike; a list of the API holds each once.
        by_name = {group.name: group for group in told.values()}
        facts = RedisStreamFacts(
            bytes=used if isinstance(used, int) else None,
            groups=tuple(by_name[name] for name in sorted(by_name)),
            consumers_lag=max((group.lag for _, group in groups if group.lag is not None), default=None),
        )
        self._entries[key].facts = facts


def group_facts(row: Mapping[str, Any]) -> ConsumerGroupFacts:
    """The facts of a row of `XINFO GROUPS`. Redis before 7 tells no lag."""
    return ConsumerGroupFacts(
        name=row["name"].decode(errors="replace")[:_MAX_NAME_LENGTH],
        consumers=row["consumers"],
        pending=row["pending"],
        lag=row.get("lag"),
    )


def _lag_order(group: tuple[bytes, ConsumerGroupFacts]) -> tuple[int, int, bytes]:
    """The place of a group: the one that is furthest behind comes first."""
    name, facts = group
    return -(facts.lag or 0), -facts.pending, name


async def _oldest_pending(client: RedisClient, key: str, names: Sequence[bytes]) -> dict[bytes, float]:
    if not names:
        return {}
    async with client.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.xpending_range(key, name, min="-", max="+", count=1)
        answers = await pipe.execute(raise_on_error=False)
    gone = next((answer for answer in answers if _is_outage(answer)), None)
    if gone is not None:
        raise gone
    return {
        name: rows[0]["time_since_delivered"] / 1000
        for name, rows in zip(names, answers, strict=True)
        if not isinstance(rows, Exception) and rows
    }


def _is_outage(answer: object) -> bool:
    return isinstance(answer, Exception) and not isinstance(answer, exceptions.ResponseError)
