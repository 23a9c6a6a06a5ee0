"""Reads what is stored in Redis about sources: everything about one stream, or what has changed in many.

Everything about one stream is read in one round trip, sometimes in two: see `stream_details`.

It never writes. Its results contain no password: URLs are only used to connect, and error texts of the client are used
only if they can't contain the URL.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from redis import exceptions
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from sluice_operator.observed.facts.redis import SinkFacts, SinkReadFailure
from sluice_operator.observed.report_age import ReportAges
from sluice_operator.redis.health_changes import FIELDS, Change, SeenHealth, named_fields
from sluice_operator.redis.sink_facts import REDIS_ERRORS, failure_facts, newest_report, sink_facts
from sluice_operator.redis.stream_details import StreamDetails
from sluice_redis.client import RedisClient, open_client
from sluice_redis.contract import StreamKeys
from sluice_redis.ingester_settings import KEY_PREFIX
from sluice_redis.url import RedisUrl, Topology, has_hash_tag, url_problem

TIMEOUT_SECONDS: Final = 2.0
"""For the connection, and for each response."""
UNREACHABLE_SECONDS: Final = 3.0
"""How long to wait before an unreachable Redis is tried again. Otherwise each of its sources would wait for the
timeout.
"""
IDLE_SECONDS: Final = 300.0
_ROUND_TRIP_SECONDS: Final = 3 * TIMEOUT_SECONDS


@dataclass(slots=True)
class _Server:
    client: RedisClient | None
    """None if the URL is not that of a Redis."""
    is_cluster: bool
    details: StreamDetails
    last_used: float
    ages: ReportAges = field(default_factory=ReportAges)
    seen: dict[str, SeenHealth] = field(default_factory=dict)
    """By the key of a health hash: what was read last."""
    lengths: dict[str, int | None] = field(default_factory=dict)
    """By stream: its length as it was read last."""
    unreachable: SinkFacts | None = None
    """The facts until `retry_at`, if it could not be reached."""
    retry_at: float = 0.0
    may_name_fields: bool = True
    """Whether the user may call HMGET, as far as known."""
    reachable_since: float | None = None
    """When it could be reached again after an outage, on the monotonic clock."""

    def failed_lately(self, monotonic: float) -> SinkFacts | None:
        """The facts if it could not be reached a moment ago, and is not to be tried again yet."""
        return self.unreachable if monotonic < self.retry_at else None


class RedisReader:
    """Reads from any number of Redis servers."""

    def __init__(self, *, details_interval_seconds: float = 10.0) -> None:
        """`details_interval_seconds` is the shortest time between two reads of the details of one stream."""
        self.details_interval_seconds = details_interval_seconds
        self._servers: dict[tuple[bytes, str], _Server] = {}

    async def read(self, url: bytes, keys: StreamKeys, *, now: datetime, ca_bundle: str = "") -> SinkFacts:
        """What is stored at `keys` in the Redis at `url`. A failure of Redis is returned as a fact, not raised.

        The CAs in `ca_bundle`, in PEM form, are trusted in addition to those of the system.
        """
        monotonic = time.monotonic()
        server = self._server(url, ca_bundle, monotonic)
        if server.client is None or (server.is_cluster and not has_hash_tag(keys.prefix)):
            problem = url_problem(url, key_prefix=keys.prefix, prefix_name=KEY_PREFIX.field)
            message = f"The URL of Redis can't be used: {problem}"
            return SinkFacts(failure=SinkReadFailure.URL_INVALID, failure_message=message, has_advice=True)
        if (failure := server.failed_lately(monotonic)) is not None:
            return failure
        seen = server.seen.setdefault(keys.health, SeenHealth())
        try:
            # The timeouts of the client do not cover the resolution of names.
            async with asyncio.timeout(_ROUND_TRIP_SECONDS):
                answers = await _query(server.client, keys, server.details, monotonic=monotonic)
        except REDIS_ERRORS as error:
            facts = _failed(server, error)
            seen.fail(facts.failure)
            return facts
        _reached(server, monotonic)
        seen.update(answers[1], answers[0], monotonic=monotonic)
        back = None if server.reachable_since is None else monotonic - server.reachable_since
        facts = sink_facts(server.ages, keys, newest_report(answers), now=now, monotonic=monotonic)
        return replace(facts, stream=server.details.facts(keys.entries), recovered_seconds=back)

    async def poll(
        self, url: bytes, streams: Sequence[StreamKeys], *, ca_bundle: str = "", with_cursors: bool = False
    ) -> list[Change]:
        """Read the health hashes of `streams`, and their cursors if asked for, in one round trip. Returns for each how
        it has changed since it was read last, by this method or by `read`.

        A failure of Redis is a change of the state, when it begins and when it ends.
        """
        monotonic, now = time.monotonic(), datetime.now(UTC)
        server = self._server(url, ca_bundle, monotonic)
        if server.client is None or server.failed_lately(monotonic) is not None:
            return [Change.NONE] * len(streams)
        seen = [server.seen.setdefault(keys.health, SeenHealth()) for keys in streams]
        try:
            async with asyncio.timeout(_ROUND_TRIP_SECONDS):
                answers = await _query_health(server, server.client, streams, with_cursors=with_cursors)
        except REDIS_ERRORS as error:
            failure = _failed(server, error).failure
            return [one.fail(failure) for one in seen]
        _reached(server, monotonic)
        changes = []
        for one, keys, (hash_, cursor) in zip(seen, streams, answers, strict=True):
            if isinstance(hash_, Exception):
                changes.append(one.fail(failure_facts(hash_).failure))
                continue
            changes.append(one.update(hash_, cursor if with_cursors else one.cursor, monotonic=monotonic))
            if one.heartbeat is not None:
                server.ages.silent_seconds(keys.health, one.heartbeat, writer=one.writer, now=now, monotonic=monotonic)
        return changes

    async def changed_streams(self, url: bytes, names: Sequence[str], *, ca_bundle: str = "") -> list[str]:
        """Read the lengths and the consumer groups of the streams with these `names`, in one round trip. Returns those
        that have changed since.
        """
        monotonic = time.monotonic()
        server = self._server(url, ca_bundle, monotonic)
        if server.client is None or server.failed_lately(monotonic) is not None:
            return []
        try:
            async with asyncio.timeout(_ROUND_TRIP_SECONDS):
                return await _read_streams(server, server.client, names, monotonic=monotonic)
        except REDIS_ERRORS:
            return []  # the next read of the health hashes reports it

    def client(self, url: bytes, *, ca_bundle: str = "") -> RedisClient | None:
        """The client for that URL, for writes; None if it is not the URL of a Redis."""
        return self._server(url, ca_bundle, time.monotonic()).client

    def retry_now(self, url: bytes, *, ca_bundle: str = "") -> None:
        """Connect to that Redis at the next read, even if it was unreachable a moment ago."""
        self._server(url, ca_bundle, time.monotonic()).retry_at = 0.0

    async def close(self) -> None:
        """Close all connections."""
        for server in self._servers.values():
            if server.client is not None:
                await server.client.aclose()
        self._servers.clear()

    async def close_idle(self) -> None:
        """Close the connections to servers that were not used for a while. Drop the state of sources that were not
        read for as long.
        """
        limit = time.monotonic() - IDLE_SECONDS
        for key in [key for key, server in self._servers.items() if server.last_used < limit]:
            client = self._servers.pop(key).client
            if client is not None:
                await client.aclose()
        for server in self._servers.values():
            server.ages.evict(before=limit)
            server.details.evict(before=limit)
            server.lengths = {key: length for key, length in server.lengths.items() if server.details.has(key)}
            server.seen = {key: seen for key, seen in server.seen.items() if seen.read_at >= limit}

    def _server(self, url: bytes, ca_bundle: str, monotonic: float) -> _Server:
        server = self._servers.get((url, ca_bundle))
        if server is None:
            parsed = _parse_url(url)
            server = self._servers[url, ca_bundle] = _Server(
                client=None if parsed is None else _open_client(parsed, ca_bundle),
                is_cluster=parsed is not None and parsed.topology is Topology.CLUSTER,
                details=StreamDetails(interval_seconds=self.details_interval_seconds),
                last_used=monotonic,
            )
        server.last_used = monotonic
        return server


async def _query(client: RedisClient, keys: StreamKeys, details: StreamDetails, *, monotonic: float) -> list[Any]:
    """Cursor, health hash, length of the stream, and length of the dead-letter stream; then cursor and health hash of
    each former name. Raises what redis-py raises.
    """
    async with client.pipeline(transaction=False) as pipe:
        pipe.get(keys.cursor)
        pipe.hgetall(keys.health)
        pipe.xlen(keys.entries)
        pipe.xlen(keys.deadletter)
        for former in keys.former_keys:
            pipe.get(former.cursor)
            pipe.hgetall(former.health)
        are_details_due = details.add_queries(pipe, keys.entries, monotonic=monotonic)
        answers: list[Any] = await pipe.execute(raise_on_error=False)
    names = [keys.cursor, keys.health, keys.entries, keys.deadletter]
    names += [name for former in keys.former_keys for name in (former.cursor, former.health)]
    needed, more = answers[: len(names)], answers[len(names) :]
    for answer, key in zip(needed, names, strict=True):
        if isinstance(answer, Exception):
            answer.args = (f"{answer} (asked for {key})",)
            raise answer
    if are_details_due:
        await details.store_answers(client, keys.entries, more)
    return needed


async def _query_health(
    server: _Server, client: RedisClient, streams: Sequence[StreamKeys], *, with_cursors: bool
) -> list[tuple[Any, bytes | None]]:
    """For each stream its health hash, or the error, and its cursor. Raises what redis-py raises.

    Most of a hash are digests that only ingesters use. So its other fields are read by name, if the user has the right.
    """
    async with client.pipeline(transaction=False) as pipe:
        for keys in streams:
            if server.may_name_fields:
                pipe.hmget(keys.health, FIELDS)
            else:
                pipe.hgetall(keys.health)
            if with_cursors:
                pipe.get(keys.cursor)
        answers: list[Any] = await pipe.execute(raise_on_error=False)
    hashes, cursors = (answers[::2], answers[1::2]) if with_cursors else (answers, [None] * len(streams))
    if server.may_name_fields and any(isinstance(one, exceptions.NoPermissionError) for one in hashes):
        server.may_name_fields = False
        return await _query_health(server, client, streams, with_cursors=with_cursors)
    if server.may_name_fields:
        hashes = [one if isinstance(one, Exception) else named_fields(one) for one in hashes]
    known = [None if isinstance(cursor, Exception) else cursor for cursor in cursors]
    return list(zip(hashes, known, strict=True))


async def _read_streams(server: _Server, client: RedisClient, names: Sequence[str], *, monotonic: float) -> list[str]:
    """Read the lengths and the details of streams. Returns the names of those that have changed."""
    details, lengths, changed = server.details, server.lengths, []
    before = {name: (lengths.get(name), details.without_ages(name)) for name in names}
    async with client.pipeline(transaction=False) as pipe:
        are_due = {}
        for name in names:
            pipe.xlen(name)
            are_due[name] = details.add_queries(pipe, name, monotonic=monotonic)
        answers = iter(await pipe.execute(raise_on_error=False))
    for name in names:
        length = next(answers)
        was_read = name in lengths
        lengths[name] = None if isinstance(length, Exception) else length
        if are_due[name]:
            await details.store_answers(client, name, [next(answers), next(answers)])
        if was_read and before[name] != (lengths[name], details.without_ages(name)):
            changed.append(name)
    return changed


def _failed(server: _Server, error: Exception) -> SinkFacts:
    """The facts about `error`. An unreachable server is not tried again for some seconds."""
    facts = failure_facts(error)
    if facts.failure is SinkReadFailure.UNREACHABLE:
        server.unreachable, server.retry_at = facts, time.monotonic() + UNREACHABLE_SECONDS
    return facts


def _reached(server: _Server, monotonic: float) -> None:
    """Record that the server has answered."""
    if server.unreachable is not None:
        server.unreachable, server.reachable_since = None, monotonic


def _parse_url(text: bytes) -> RedisUrl | None:
    """The parsed URL, or None if `text` is not the URL of a Redis."""
    try:
        return RedisUrl.parse(text)
    except ValueError:
        return None


def _open_client(url: RedisUrl, ca_bundle: str) -> RedisClient:
    return open_client(
        url,
        ca_data=ca_bundle or None,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        client_name="sluice-operator",
        # One immediate retry: a server that was restarted has closed the connections of the pool.
        retry=Retry(NoBackoff(), 1),
    )
