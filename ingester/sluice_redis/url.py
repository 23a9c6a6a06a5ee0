"""Parsing the URL of a Redis: one server, Sentinel or Cluster. Pure.

Ingester and operator use this one parser. So the operator starts no pod with a URL that the ingester refuses. White
space around a URL is ignored. Error messages never quote a URL, because it may contain a password.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Self
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from sluice_redis.ingester_settings import KEY_PREFIX
from sluice_redis.url_mistakes import find_mistake, strip_url

_ALLOWED_FORMS: Final = (
    "redis://[[user]:password@]host[:port][/database], redis+sentinel://…@host[:port],…/service[/database], "
    "redis+cluster://…@host[:port],…, rediss instead of redis for TLS, or unix:///path "
    "(the characters / # ? @ of a password are written %2F %23 %3F %40)"
)


class Topology(StrEnum):
    """How a Redis is run."""

    SERVER = "server"
    SOCKET = "socket"
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


_SCHEMES: Final[Mapping[str, tuple[Topology, bool]]] = {
    "redis": (Topology.SERVER, False),
    "rediss": (Topology.SERVER, True),
    "unix": (Topology.SOCKET, False),
    "redis+sentinel": (Topology.SENTINEL, False),
    "rediss+sentinel": (Topology.SENTINEL, True),
    "redis+cluster": (Topology.CLUSTER, False),
    "rediss+cluster": (Topology.CLUSTER, True),
}


def _parse_bool(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


_OPTIONS: Final[Mapping[str, Callable[[str], str | bool]]] = {
    "db": str,
    "ssl_ca_certs": str,
    "ssl_certfile": str,
    "ssl_keyfile": str,
    "ssl_check_hostname": _parse_bool,
    "sentinel_username": str,
    "sentinel_password": str,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisUrl:
    """A parsed URL. `hosts` are the Sentinels of a Sentinel, or nodes of a cluster."""

    topology: Topology
    tls: bool = False
    hosts: tuple[tuple[str, int], ...] = ()
    path: str = ""
    service: str = ""
    database: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    options: Mapping[str, str | bool] = field(default_factory=dict, repr=False)

    @classmethod
    def parse(cls, url: str | bytes) -> Self:
        """Parse `url`. ValueError, which quotes nothing of it, if it is not the URL of a Redis."""
        text = strip_url(url)
        if mistake := find_mistake(text, schemes=_SCHEMES):
            raise ValueError(f"{mistake}: give {_ALLOWED_FORMS}")
        try:
            parts = urlsplit(text)
        except ValueError:
            raise ValueError(f"it is not a URL: give {_ALLOWED_FORMS}") from None
        if parts.scheme not in _SCHEMES:
            raise ValueError(f"its scheme is not one of Redis: give {_ALLOWED_FORMS}")
        kind, tls = _SCHEMES[parts.scheme]
        options = _parse_options(parts.query)
        user, _, hosts = parts.netloc.rpartition("@")
        name, _, password = user.partition(":")
        if kind is Topology.SOCKET and not parts.path:
            raise ValueError(f"it has no path: give {_ALLOWED_FORMS}")
        service, database = ("", "") if kind is Topology.SOCKET else _parse_path(kind, parts)
        return cls(
            topology=kind,
            tls=tls,
            hosts=() if kind is Topology.SOCKET else _parse_hosts(hosts, parts, kind),
            path=unquote(parts.path) if kind is Topology.SOCKET else "",
            service=service,
            database=_parse_database(str(options.pop("db", database) or "0"), kind),
            username=unquote(name) or None,
            password=unquote(password) or None,
            options=options,
        )


def url_problem(url: str | bytes, *, key_prefix: str = "", prefix_name: str = KEY_PREFIX.variable) -> str:
    """Why an ingester cannot use `url` with this prefix of its keys. Empty if it can. The URL is not quoted.

    `prefix_name` is the name of the prefix in the message.
    """
    try:
        read = RedisUrl.parse(url)
    except ValueError as error:
        return str(error)
    if read.topology is Topology.CLUSTER and not has_hash_tag(key_prefix):
        # A script runs on one node of a cluster, so all its keys must be on that node.
        return (
            f"it is the URL of a Redis Cluster, and {prefix_name}={key_prefix!r} has no hash tag: give one with a hash "
            "tag, such as {sluice}:, so that the keys of a source are in one slot"
        )
    return ""


def redact_url(url: str) -> str:
    """A valid `url` without user, password and options, for logs."""
    parts = urlsplit(strip_url(url))
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def has_hash_tag(prefix: str) -> bool:
    """Whether all keys that begin with `prefix` are in one slot of a cluster.

    They are if the prefix contains a hash tag, for example `{sluice}`: a text that is not empty, between the first
    brace and the next closing one (Redis Cluster specification, "Hash tags").
    """
    _, brace, rest = prefix.partition("{")
    tag, closed, _ = rest.partition("}")
    return bool(brace and closed and tag)


def _parse_hosts(netloc: str, parts: SplitResult, kind: Topology) -> tuple[tuple[str, int], ...]:
    default = 26379 if kind is Topology.SENTINEL else 6379
    hosts = tuple(_parse_host(one, default) for one in netloc.split(","))
    if None in hosts or parts.fragment or (kind is Topology.SERVER and len(hosts) > 1):
        raise ValueError(f"it has no host, or too many: give {_ALLOWED_FORMS}")
    return tuple(host for host in hosts if host is not None)


def _parse_host(text: str, default: int) -> tuple[str, int] | None:
    try:
        parts = urlsplit(f"//{text.strip()}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    return None if not host or port == 0 else (host, port or default)


def _parse_path(kind: Topology, parts: SplitResult) -> tuple[str, str]:
    path = parts.path.strip("/")
    if kind is not Topology.SENTINEL:
        return "", path
    service, _, database = path.partition("/")
    if not service:
        raise ValueError(f"it has no service name, under which the Sentinels know the master: give {_ALLOWED_FORMS}")
    return unquote(service), database


def _parse_database(text: str, kind: Topology) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"its path is not a database number: give {_ALLOWED_FORMS}")
    if kind is Topology.CLUSTER and int(text):
        raise ValueError("a cluster has only database 0: remove the database number")
    return int(text)


def _parse_options(query: str) -> dict[str, str | bool]:
    options: dict[str, str | bool] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in _OPTIONS:
            raise ValueError(f"it has an unknown option: use only {', '.join(_OPTIONS)}")
        try:
            options[name] = _OPTIONS[name](value)
        except KeyError:
            raise ValueError(f"its option {name} is neither true nor false: give one of them") from None
    return options
