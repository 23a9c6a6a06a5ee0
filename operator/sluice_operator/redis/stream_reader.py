"""What stands in Redis about a source, read in one round trip, or now and then in two: see `streams`.

The operator's own look at Redis: it never writes there. Nothing that comes out of here holds a password:
URLs are kept as keys of a dict and handed to the client, and errors are told in the client's words only
where those can't quote the URL.
"""

import asyncio
import time
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from redis import exceptions
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from sluice_common.text import sanitize
from sluice_common.times import parse_time
from sluice_operator.observed.facts import SinkFacts, SinkReadFailure
from sluice_operator.observed.health_hash import health_facts
from sluice_operator.observed.report_age import ReportAges
from sluice_operator.redis.stream_details import StreamDetails
from sluice_redis.client import RedisClient, open_client
from sluice_redis.contract import HealthField, StreamKeys
from sluice_redis.url import RedisUrl, Topology, has_hash_tag, url_problem

TIMEOUT_SECONDS: Final = 2.0
"""For the connection, and for the answer."""
UNREACHABLE_SECONDS: Final = 3.0
"""For how long a Redis that can't be reached is not asked again, so that many sources don't all wait for
it.
"""
IDLE_SECONDS: Final = 300.0

_MAX_TEXT: Final = 4096
"""More than an ingester writes. Whatever else stands there must not make a status that no API server takes: the one
before would stand for ever.
"""

_FILE_NOT_FOUND: Final = "No such file or directory"
_FILE_ADVICE: Final = (
    "A file that the URL names must come from a Secret or a ConfigMap: see spec.podTemplate.volumes and volumeMounts"
)


@dataclass(slots=True)
class _Server:
    client: RedisClient | None
    """None if the URL is not that of a Redis."""
    is_cluster: bool
    statistics: StreamDetails
    last_used: float
    freshness: ReportAges = field(default_factory=ReportAges)
    unreachable: SinkFacts | None = None
    """What is told of it until `away_until`, if it could not be reached."""
    retry_at: float = 0.0
    reachable_since: float | None = None
    """When it could be reached again after that, on the monotonic clock."""


class RedisReader:
    """Reads what ingesters wrote, from any number of Redis servers."""

    def __init__(self, *, statistics_interval_seconds: float = 10.0) -> None:
        """`streams_seconds` is how often the bytes and the groups of a stream are asked for at most."""
        self._statistics_interval_seconds = statistics_interval_seconds
        self._servers: dict[tuple[bytes, str], _Server] = {}

    async def read(self, url: bytes, keys: StreamKeys, *, now: datetime, ca_bundle: str = "") -> SinkFacts:
        """What stands at `keys` in the Redis at `url`. Never raises for what Redis does or doesn't do.

        `authorities` are CAs in PEM form, which are trusted beside the system's.
        """
        monotonic = time.monotonic()
        server = self._server(url, ca_bundle, monotonic)
        if server.client is None or (server.is_cluster and not has_hash_tag(keys.prefix)):
            fault = url_problem(url, key_prefix=keys.prefix, prefix_name="spec.redis.keyPrefix")
            told = f"The URL of Redis can't be used: {fault}"
            return SinkFacts(failure=SinkReadFailure.URL_INVALID, failure_message=told, has_advice=True)
        if server.unreachable is not None and monotonic < server.retry_at:
            return server.unreachable
        try:
            # The client's own time limits don't cover the resolving of names.
            async with asyncio.timeout(3 * TIMEOUT_SECONDS):
                answers = await _query(server.client, keys, server.statistics, monotonic=monotonic)
        except (exceptions.RedisError, exceptions.RedisClusterException, OSError, TimeoutError) as error:
            facts = trouble_facts(error)
            if facts.failure is SinkReadFailure.UNREACHABLE:
                server.unreachable, server.retry_at = facts, time.monotonic() + UNREACHABLE_SECONDS
            return facts
        if server.unreachable is not None:
            server.unreachable, server.reachable_since = None, monotonic
        back = None if server.reachable_since is None else monotonic - server.reachable_since
        facts = _sink_facts(server.freshness, keys, answers, now=now, monotonic=monotonic)
        return replace(facts, stream=server.statistics.facts(keys.entries), recovered_seconds=back)

    def client(self, url: bytes, *, ca_bundle: str = "") -> RedisClient | None:
        """The client for that URL, for what else is to be done there; None if it is not the URL of a Redis."""
        return self._server(url, ca_bundle, time.monotonic()).client

    def retry_now(self, url: bytes, *, ca_bundle: str = "") -> None:
        """Ask that Redis at the next read, even if it could not be reached a moment ago."""
        self._server(url, ca_bundle, time.monotonic()).retry_at = 0.0

    async def close(self) -> None:
        """Close all connections."""
        for server in self._servers.values():
            if server.client is not None:
                await server.client.aclose()
        self._servers.clear()

    async def close_idle(self) -> None:
        """Close the connections to servers that nobody has asked about for a while, and forget what is remembered of
        sources that nobody has asked about.
        """
        limit = time.monotonic() - IDLE_SECONDS
        for place in [place for place, server in self._servers.items() if server.last_used < limit]:
            client = self._servers.pop(place).client
            if client is not None:
                await client.aclose()
        for server in self._servers.values():
            server.freshness.evict(before=limit)
            server.statistics.evict(before=limit)

    def _server(self, url: bytes, ca_bundle: str, monotonic: float) -> _Server:
        server = self._servers.get((url, ca_bundle))
        if server is None:
            read = _parse_url(url)
            server = self._servers[url, ca_bundle] = _Server(
                client=None if read is None else _open_client(read, ca_bundle),
                is_cluster=read is not None and read.topology is Topology.CLUSTER,
                statistics=StreamDetails(interval_seconds=self._statistics_interval_seconds),
                last_used=monotonic,
            )
        server.last_used = monotonic
        return server


def trouble_facts(error: Exception) -> SinkFacts:
    """What `error`, from a look at Redis, means."""
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


def _sink_facts(
    freshness: ReportAges, keys: StreamKeys, answers: list[Any], *, now: datetime, monotonic: float
) -> SinkFacts:
    cursor, hash_, length, dead_letters = answers
    fields = {_text(name): _text(value) for name, value in hash_.items()}
    beat = parse_time(fields.get(HealthField.BEAT))
    writer = fields.get(HealthField.POD, "")
    silent = (
        None
        if beat is None
        else freshness.silent_seconds(keys.health, beat, writer=writer, now=now, monotonic=monotonic)
    )
    watched = freshness.watched_seconds(keys.health, writer=writer, monotonic=monotonic)
    return SinkFacts(
        cursor=None if cursor is None else _text(cursor),
        length=length,
        dead_letters=dead_letters,
        health=health_facts(fields, silent_seconds=silent, watched_seconds=watched),
    )


async def _query(client: RedisClient, keys: StreamKeys, statistics: StreamDetails, *, monotonic: float) -> list[Any]:
    async with client.pipeline(transaction=False) as pipe:
        pipe.get(keys.cursor)
        pipe.hgetall(keys.health)
        pipe.xlen(keys.entries)
        pipe.xlen(keys.deadletter)
        for former in keys.former_keys:
            pipe.get(former.cursor)
            pipe.hgetall(former.health)
        asked = statistics.add_queries(pipe, keys.entries, monotonic=monotonic)
        answers: list[Any] = await pipe.execute(raise_on_error=False)
    names = [keys.cursor, keys.health, keys.entries, keys.deadletter]
    names += [name for former in keys.former_keys for name in (former.cursor, former.health)]
    needed, more = answers[: len(names)], answers[len(names) :]
    for answer, key in zip(needed, names, strict=True):
        if isinstance(answer, Exception):
            answer.args = (f"{answer} (asked for {key})",)
            raise answer
    if asked:
        await statistics.store_answers(client, keys.entries, more)
    return _newest_report(needed)


def _newest_report(answers: list[Any]) -> list[Any]:
    """Cursor, health hash and lengths: those two under a former name as long as the cursor stands only there.

    The ingester that brings it to the new one reports there before it does so: of two reports the newer one counts.
    """
    cursor, hash_, *lengths = answers[:4]
    beat = HealthField.BEAT.encode()
    for former, report in zip(answers[4::2], answers[5::2], strict=True):
        if cursor is None and (former is not None or not hash_):
            cursor = former
            hash_ = max(hash_, report, key=lambda found: found.get(beat, b""))
    return [cursor, hash_, *lengths]


def _parse_url(text: bytes) -> RedisUrl | None:
    """The URL that `text` is, or None if it is not the URL of a Redis."""
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
        # Once more, at once: a server that was restarted has closed the connections of the pool.
        retry=Retry(NoBackoff(), 1),
    )


def _text(value: bytes) -> str:
    text = value.decode(errors="surrogateescape")[:_MAX_TEXT]
    return sanitize(text, max_length=10 * _MAX_TEXT)[:_MAX_TEXT]
