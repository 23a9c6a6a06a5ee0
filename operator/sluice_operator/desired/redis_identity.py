"""Decides whether two URLs are those of the same Redis. Pure.

A Service name has several forms, and its short form depends on the namespace. Two URLs of Sentinels or of a cluster are
the same if they share an address. From a URL alone, aliases and IP addresses instead of names can't be recognised.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, Self

from sluice_redis.url import RedisUrl

_SERVICE: Final = "svc"
_POD_ITSELF: Final = "localhost"


@dataclass(frozen=True, kw_only=True, slots=True)
class RedisIdentity:
    """One database of one Redis. User, password, certificates and TLS do not matter."""

    hosts: frozenset[tuple[str, int]] = frozenset()
    path: str = ""
    """Path of a Unix socket, which has no hosts."""
    service: str = ""
    """Name of the primary in Sentinel."""
    database: int = 0

    @classmethod
    def from_url(cls, url: bytes, *, namespace: str) -> Self | None:
        """The database that a pod in `namespace` reaches with `url`, or None if it is not the URL of a Redis."""
        try:
            read = RedisUrl.parse(url)
        except ValueError:
            return None
        return cls(
            hosts=frozenset((_qualified_name(host, namespace), port) for host, port in read.hosts),
            path=read.path,
            service=read.service,
            database=read.database,
        )

    def is_same(self, other: "RedisIdentity") -> bool:
        """Whether both are the same database, as far as the URLs show."""
        if (self.path, self.service, self.database) != (other.path, other.service, other.database):
            return False
        return bool(self.path) or not self.hosts.isdisjoint(other.hosts)


def _qualified_name(host: str, namespace: str) -> str:
    """`host` in one form for all forms of a Service's name: NAME.NAMESPACE.svc."""
    name = host.rstrip(".").lower()
    labels = name.split(".")
    if _is_address(name) or name == _POD_ITSELF:
        return name
    if _SERVICE in labels[2:]:  # the domain of the cluster can follow
        return ".".join(_up_to_service(labels, _SERVICE))
    if len(labels) == 1:
        return f"{name}.{namespace}.{_SERVICE}"
    return f"{name}.{_SERVICE}" if len(labels) == 2 else name


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _up_to_service(labels: Iterable[str], last: str) -> list[str]:
    kept: list[str] = []
    for label in labels:
        kept.append(label)
        if label == last and len(kept) > 2:
            break
    return kept
