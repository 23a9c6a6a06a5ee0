"""Which proxy leads to a target, by the environment, and how it is named without its password."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

_PORTS: Final = {"http": 80, "https": 443}


class ProxyUnusableError(ValueError):
    """What the environment names is no proxy that can be used; the message holds no password."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """`url` may hold a user and a password; `name` is what may be shown. `is_tls`: it is spoken to in TLS."""

    url: str
    name: str
    is_tls: bool

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a proxy's URL; without a scheme it is `http`. ProxyUnusableError if it can't be used."""
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
                f"the environment names the proxy {parts.scheme}://{shown}, and only http:// and https:// proxies can "
                "be used: name such a one in HTTPS_PROXY, or the source in NO_PROXY"
            )
        place = f"{shown}:{port or _PORTS[parts.scheme]}"
        user, at, _ = parts.netloc.rpartition("@")
        if at and ":" not in user:
            user += ":"  # a user without a password
        return cls(
            url=f"{parts.scheme}://{user}{at}{place}",
            name=f"{parts.scheme}://{place}",
            is_tls=parts.scheme == "https",
        )


def proxy_for(host: str, port: int, *, schemes: Sequence[str]) -> Proxy | None:
    """The proxy that the environment names for a target: of the first scheme that it names one for, or of ALL_PROXY.

    None if it names none, or the target stands in NO_PROXY.
    """
    if proxy_bypass(f"{host}:{port}") or proxy_bypass(host):
        return None
    proxies = getproxies()
    found = next((proxies[scheme] for scheme in (*schemes, "all") if proxies.get(scheme)), None)
    return None if found is None else Proxy.parse(found)
