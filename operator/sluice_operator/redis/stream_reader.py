"""Reads what is stored in Redis about a source, in one round trip, sometimes in two: see `stream_details`.

It never writes. Its results contain no password: URLs are only used to connect, and error texts of the client are used
only if they can't contain the URL.
"""

import asyncio
import time
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from redis import exceptions
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from sluice_operator.observed.facts.redis import SinkFacts, SinkReadFailure
from sluice_operator.observed.report_age import ReportAges
from sluice_operator.redis.sink_facts import failure_facts, newest_report, sink_facts
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


@dataclass(slots=True)
class _Server:
    client: RedisClient | None
    """None if the URL is not that of a Redis."""
    is_cluster: bool
    details: StreamDetails
    last_used: float
    ages: ReportAges = field(default_factory=ReportAges)
    unreachable: SinkFacts | None = None
    """The facts until `retry_at`, if it could not be reached."""
    retry_at: float = 0.0
    reachable_since: float | None = None
    """When it could be reached again after an outage, on the monotonic clock."""


class RedisReader:
    """Reads from any number of Redis servers."""

    def __init__(self, *, details_interval_seconds: float = 10.0) -> None:
        """`details_interval_seconds` is the shortest time between two reads of the details of one stream."""
        self._details_interval_seconds = details_interval_seconds
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
        if server.unreachable is not None and monotonic < server.retry_at:
            return server.unreachable
        try:
            # The timeouts of the client do not cover the resolution of names.
            async with asyncio.timeout(3 * TIMEOUT_SECONDS):
                answers = await _query(server.client, keys, server.details, monotonic=monotonic)
        except (exceptions.RedisError, exceptions.RedisClusterException, OSError, TimeoutError) as error:
            facts = failure_facts(error)
            if facts.failure is SinkReadFailure.UNREACHABLE:
                server.unreachable, server.retry_at = facts, time.monotonic() + UNREACHABLE_SECONDS
            return facts
        if server.unreachable is not None:
            server.unreachable, server.reachable_since = None, monotonic
        back = None if server.reachable_since is None else monotonic - server.reachable_since
        facts = sink_facts(server.ages, keys, answers, now=now, monotonic=monotonic)
        return replace(facts, stream=server.details.facts(keys.entries), recovered_seconds=back)

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

    def _server(self, url: bytes, ca_bundle: str, monotonic: float) -> _Server:
        server = self._servers.get((url, ca_bundle))
        if server is None:
            parsed = _parse_url(url)
            server = self._servers[url, ca_bundle] = _Server(
                client=None if parsed is None else _open_client(parsed, ca_bundle),
                is_cluster=parsed is not None and parsed.topology is Topology.CLUSTER,
                details=StreamDetails(interval_seconds=self._details_interval_seconds),
                last_used=monotonic,
            )
        server.last_used = monotonic
        return server


async def _query(client: RedisClient, keys: StreamKeys, details: StreamDetails, *, monotonic: float) -> list[Any]:
    """Cursor, health hash, length of the stream, and length of the dead-letter stream. Raises what redis-py raises."""
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
    return newest_report(needed)


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
