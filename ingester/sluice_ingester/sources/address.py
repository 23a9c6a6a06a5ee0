"""The address of a source as written in the settings, and the URLs made from it.

An address is a host with an optional port and an optional scheme: `bsky.network`, `wss://bsky.network`,
`https://pds.example:8443`, or `ws://relay:2470` for a source without TLS.
"""

import re
from dataclasses import dataclass, field
from typing import Final, Self
from urllib.parse import urlencode

from sluice_redis.hosts import LOOKS_LIKE_IP, former_hosts, is_ip_address, is_plaintext, normalize_host

_ADDRESS: Final = re.compile(
    r"(?:(?P<scheme>[a-z]+)://)?"
    r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9_.-]{0,251}[a-z0-9])?\.?)"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"/?",
    re.ASCII,
)
_SCHEMES: Final = frozenset({"ws", "wss", "http", "https"})

ALLOWED: Final = "a host such as bsky.network, with an optional port and an optional ws://, wss://, http:// or https://"


@dataclass(frozen=True, slots=True)
class Address:
    """A source. `host` is its HOST in Redis keys, with the port. `plaintext`: it is used without TLS.

    `former_hosts` are names that its keys may have from older versions.
    """

    host: str
    plaintext: bool = False
    former_hosts: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse an address. Without a scheme it is `wss`. ValueError says what is wrong."""
        shown = repr(text.strip())
        match = _ADDRESS.fullmatch(text.strip().lower()) if text.isascii() else None
        if match is None:
            raise ValueError(f"{shown} is not {ALLOWED}")
        scheme, name, port = match.group("scheme", "name", "port")
        if scheme is not None and scheme not in _SCHEMES:
            raise ValueError(f"{shown} has the scheme {scheme}://, which is not one of ws, wss, http, https")
        if port is not None and not 0 < int(port) < 65536:
            raise ValueError(f"{shown} has the port {port}, which is not between 1 and 65535")
        if re.fullmatch(LOOKS_LIKE_IP, name.removesuffix(".")) and not is_ip_address(name):
            raise ValueError(
                f"{shown} is no IP address: give four numbers from 0 to 255, or an IPv6 address in brackets"
            )
        return cls(host=normalize_host(text), plaintext=is_plaintext(text), former_hosts=former_hosts(text))

    @property
    def host_and_port(self) -> str:
        """Host and port, also if it is the default port. Equal for two spellings of one server."""
        has_port = re.search(r":[0-9]+$", self.host) is not None
        return self.host if has_port else f"{self.host}:{80 if self.plaintext else 443}"

    @property
    def origin(self) -> str:
        """The host with the scheme of its HTTP endpoints."""
        return f"{'http' if self.plaintext else 'https'}://{self.host}"

    def query(self, nsid: str, **parameters: str | int | None) -> str:
        """The URL of an XRPC query. A parameter that is None is left out."""
        given = {name: value for name, value in parameters.items() if value is not None}
        return f"{self.origin}/xrpc/{nsid}?{urlencode(given)}"

    def subscription(self, nsid: str, *, cursor: str | None) -> str:
        """The WebSocket URL of an event stream. Without a cursor it begins with the next event."""
        query = "" if cursor is None else "?" + urlencode({"cursor": cursor})
        return f"{'ws' if self.plaintext else 'wss'}://{self.host}/xrpc/{nsid}{query}"
