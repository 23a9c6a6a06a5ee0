"""Reads the details of a stream: its size in bytes and its consumer groups.

These commands cost Redis more than the others. `MEMORY USAGE` visits all groups and consumers, and `XINFO GROUPS`
returns all groups. So they are sent at intervals, once for all sources that share the stream, in the same round trip as
the others. If an entry is pending, one more round trip reads the age of the oldest one. If the user lacks the right to
a command, its numbers are absent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from redis import exceptions

from sluice_operator.observed.facts.redis import ConsumerGroupFacts, RedisStreamFacts
from sluice_redis.client import RedisClient

MAX_GROUPS: Final = 20
"""How many groups are reported, so that the size of a status is limited."""
_SAMPLES: Final = 5
_MAX_NAME_LENGTH: Final = 250


@dataclass(slots=True)
class _Entry:
    facts: RedisStreamFacts | None
    queried_at: float
    """On the monotonic clock."""


class StreamDetails:
    """The details of the streams of one Redis, as they were last read."""

    def __init__(self, *, interval_seconds: float) -> None:
        self._interval_seconds = interval_seconds
        self._entries: dict[str, _Entry] = {}

    def facts(self, key: str) -> RedisStreamFacts | None:
        """The details of the stream at `key`; None if they were not read yet."""
        entry = self._entries.get(key)
        return entry.facts if entry else None

    def has(self, key: str) -> bool:
        """Whether the stream at `key` was queried and not evicted."""
        return key in self._entries

    def without_ages(self, key: str) -> RedisStreamFacts | None:
        """The same, without the ages that grow by themselves and the size in bytes, which is an estimate."""
        facts = self.facts(key)
        if facts is None:
            return None
        groups = tuple(replace(group, oldest_pending_seconds=None) for group in facts.groups)
        return replace(facts, bytes=None, groups=groups)

    def add_queries(self, pipe: Any, key: str, *, monotonic: float) -> bool:
        """Add the queries about the stream at `key` to the pipeline, if they are due. Returns whether they were."""
        entry = self._entries.setdefault(key, _Entry(facts=None, queried_at=float("-inf")))
        if entry.facts is not None and monotonic - entry.queried_at < self._interval_seconds:
            return False
        entry.queried_at = monotonic  # until then no other source needs to query
        pipe.memory_usage(key, samples=_SAMPLES)
        pipe.xinfo_groups(key)
        return True

    def evict(self, *, before: float) -> None:
        """Drop the streams that were last queried before that moment of the monotonic clock."""
        self._entries = {key: entry for key, entry in self._entries.items() if entry.queried_at >= before}

    async def store_answers(self, client: RedisClient, key: str, answers: Sequence[Any]) -> None:
        """Store the `answers` to the queries. Raises RedisError or OSError if Redis fails."""
        used, rows = answers
        groups = [] if isinstance(rows, Exception) else [(row["name"], group_facts(row)) for row in rows]
        reported = dict(sorted(groups, key=_lag_order)[:MAX_GROUPS])
        pending = [name for name, group in reported.items() if group.pending]
        for name, seconds in (await _oldest_pending(client, key, pending)).items():
            reported[name] = replace(reported[name], oldest_pending_seconds=seconds)
        # Names that are not UTF-8 may be equal once decoded. A list in the API holds each name once.
        by_name = {group.name: group for group in reported.values()}
        facts = RedisStreamFacts(
            bytes=used if isinstance(used, int) else None,
            groups=tuple(by_name[name] for name in sorted(by_name)),
            consumers_lag=max((group.lag for _, group in groups if group.lag is not None), default=None),
        )
        self._entries[key].facts = facts


def group_facts(row: Mapping[str, Any]) -> ConsumerGroupFacts:
    """The facts from a row of `XINFO GROUPS`. Redis before version 7 does not report the lag."""
    return ConsumerGroupFacts(
        name=row["name"].decode(errors="replace")[:_MAX_NAME_LENGTH],
        consumers=row["consumers"],
        pending=row["pending"],
        lag=row.get("lag"),
    )


def _lag_order(group: tuple[bytes, ConsumerGroupFacts]) -> tuple[int, int, bytes]:
    """Sorts groups: the one with the greatest lag comes first."""
    name, facts = group
    return -(facts.lag or 0), -facts.pending, name


async def _oldest_pending(client: RedisClient, key: str, names: Sequence[bytes]) -> dict[bytes, float]:
    """By group: the age of its oldest pending entry, in seconds."""
    if not names:
        return {}
    async with client.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.xpending_range(key, name, min="-", max="+", count=1)
        answers = await pipe.execute(raise_on_error=False)
    outage = next((answer for answer in answers if _is_outage(answer)), None)
    if outage is not None:
        raise outage
    return {
        name: rows[0]["time_since_delivered"] / 1000
        for name, rows in zip(names, answers, strict=True)
        if not isinstance(rows, Exception) and rows
    }


def _is_outage(answer: object) -> bool:
    return isinstance(answer, Exception) and not isinstance(answer, exceptions.ResponseError)
