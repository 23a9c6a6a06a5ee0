"""Choosing the proxy for a target from the environment, and naming it without its password."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

_PORTS: Final = {"http": 80, "https": 443}


class ProxyUnusableError(ValueError):
    """The environment names a proxy that cannot be used. The message contains no password."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """`url` may contain a user and a password. `name` may be shown. `is_tls`: the connection to the proxy uses TLS."""

    url: str
    name: str
    is_tls: bool

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a proxy's URL. Without a scheme it is `http`. ProxyUnusableError if it cannot be used."""
        url = text.strip()
        if "://" not in url:
            url = f"http://{url}"
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
            url.encode("ascii")
        except ValueError:
            host, port, parts = None, None, urlsplit("none://")
        if not host:
            raise ProxyUnusableError("the environment names a proxy whose URL can't be read: write http://HOST:PORT")
        shown = f"[{host}]" if ":" in host else host
        if parts.scheme not in _PORTS:
            raise ProxyUnusableError(
                f"the environment names the proxy {parts.scheme}://{shown}. Only http:// and https:// proxies are "
                "supported: set HTTPS_PROXY to one of these, or name the source in NO_PROXY"
            )
        host_and_port = f"{shown}:{port or _PORTS[parts.scheme]}"
        user, at, _ = parts.netloc.rpartition("@")
        if at and ":" not in user:
            user += ":"  # a user without a password
        return cls(
            url=f"{parts.scheme}://{user}{at}{host_and_port}",
            name=f"{parts.scheme}://{host_and_port}",
            is_tls=parts.scheme == "https",
        )


def proxy_for(host: str, port: int, *, schemes: Sequence[str]) -> Proxy | None:
    """The proxy of the environment for a target: that of the first of `schemes` that has one, or ALL_PROXY.

    None if there is none, or if NO_PROXY contains the target.
    """
    if proxy_bypass(f"{host}:{port}") or proxy_bypass(host):
        return None
    proxies = getproxies()
    found = next((proxies[scheme] for scheme in (*schemes, "all") if proxies.get(scheme)), None)
    return None if found is None else Proxy.parse(found)
