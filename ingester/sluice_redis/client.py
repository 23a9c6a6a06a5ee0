"""A Redis client for each way to run Redis: one server, Sentinel or Cluster, with or without TLS.

Ingester and operator need different timeouts and retries. They pass these as options.
"""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import hiredis
from redis.asyncio import Connection, Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool

from sluice_redis.url import RedisUrl, Topology

RedisClient: TypeAlias = Redis | RedisCluster
"""Both support single commands, and pipelines without transactions."""


NEXT_ADDRESS_SECONDS: Final = 0.25
"""RFC 8305 (Happy Eyeballs): the delay before the next address of a name is tried as well."""

_library_arguments = Connection._connection_arguments


def _arguments_with_happy_eyeballs(connection: Connection) -> Mapping[str, Any]:
    return {**_library_arguments(connection), "happy_eyeballs_delay": NEXT_ADDRESS_SECONDS, "interleave": 1}


# redis-py tries the addresses of a name one after the other, within one connect timeout. So if the first address does
# not answer, the client never connects. No option of redis-py solves this for one server, Sentinel and Cluster.
Connection._connection_arguments = _arguments_with_happy_eyeballs  # type: ignore[assignment, method-assign]


_library_pack_command = AbstractConnection.pack_command


def _pack_command(connection: AbstractConnection, *arguments: Any) -> list[bytes]:
    command = arguments[0]
    if isinstance(command, str) and " " not in command:
        try:
            return [hiredis.pack_command(arguments)]
        except (TypeError, ValueError):
            pass  # an argument that only the library knows how to encode
    return _library_pack_command(connection, *arguments)


# redis-py lets hiredis pack the commands of blocking connections only. With it, an append of many events costs the
# client half of the CPU time.
AbstractConnection.pack_command = _pack_command  # type: ignore[assignment, method-assign]


def open_client(
    url: RedisUrl, *, ca_file: str | None = None, ca_data: str | None = None, **options: Any
) -> RedisClient:
    """A client for `url`. It connects with its first command.

    `ca_file` is a file with CAs in PEM form, `ca_data` is such text. TLS trusts them in addition to the system's.
    `options` are those of redis-py's connections.
    """
    given = {name: value for name, value in url.options.items() if not name.startswith("sentinel_")}
    common: dict[str, Any] = {"username": url.username, "password": url.password, **given, **options}
    common["encoding_errors"] = "backslashreplace"  # text that cannot be encoded must not fail a whole batch
    common["driver_info"] = None  # CLIENT SETINFO needs an additional right
    if url.topology is not Topology.SOCKET:
        common["socket_keepalive"] = True
    if url.tls:
        common["ssl"] = True
        if ca_file is not None:
            common.setdefault("ssl_ca_certs", ca_file)
        if ca_data is not None:
            common["ssl_ca_data"] = ca_data
    match url.topology:
        case Topology.SOCKET:
            return Redis(unix_socket_path=url.path, db=url.database, **common)
        case Topology.SERVER:
            ((host, port),) = url.hosts
            return Redis(host=host, port=port, db=url.database, **common)
        case Topology.SENTINEL:
            return _sentinel(url, common)
        case Topology.CLUSTER:
            return RedisCluster(startup_nodes=[ClusterNode(host, port) for host, port in url.hosts], **common)


class _SentinelPool(SentinelConnectionPool):
    """Closes the connections to the Sentinels with those to the master."""

    async def aclose(self) -> None:
        await super().aclose()
        await self.sentinel_manager.aclose()


def _sentinel(url: RedisUrl, common: dict[str, Any]) -> Redis:
    asking = {name: value for name, value in common.items() if name not in {"username", "password"}}
    asking |= {
        name.removeprefix("sentinel_"): url.options.get(name) for name in ("sentinel_username", "sentinel_password")
    }
    # If a Sentinel does not respond, the next one is asked.
    asking["socket_timeout"] = asking.get("socket_connect_timeout")
    sentinel = Sentinel(url.hosts, sentinel_kwargs=asking)  # type: ignore[no-untyped-call]
    client: Redis = sentinel.master_for(url.service, connection_pool_class=_SentinelPool, db=url.database, **common)
    return client
