"""HOST, the normalized name of a source in Redis keys. Pure.

People spell a source in many ways: `wss://Relay.example:443/`, `relay.example.`, `RELAY.EXAMPLE`. All of these are
`relay.example`:

- The scheme, a path and the final dot of the name are removed.
- The default port is removed: 80 for ws:// and http://, otherwise 443. Leading zeros of a port are removed.
- Letters become lower case.
- An IPv6 address takes its shortest form (RFC 5952). An IPv4-mapped address becomes IPv4.

So `ws://relay` and `wss://relay` have the same HOST, although their ports differ: a relay that adds TLS keeps its
cursor. `ws://relay:443` is `relay:443`.
"""

import re
from ipaddress import AddressValueError, IPv6Address, ip_address
from typing import Final

_HOST_AND_PORT: Final = re.compile(r"(?P<name>\[[^\]]*\]|[^:]*)(?::(?P<port>[0-9]*))?")
LOOKS_LIKE_IP: Final = r"\[.*\]|(?:0x[0-9a-f]*|[0-9]+)(?:\.(?:0x[0-9a-f]*|[0-9]+)){1,3}"
"""A name that can only be an IP address. Some systems also accept `127.1`, `0x7f.1` and `010.0.0.1`."""
_PLAINTEXT_SCHEMES: Final = frozenset({"ws", "http"})


def is_plaintext(address: str) -> bool:
    """Whether `address` has a scheme without TLS."""
    scheme, found, _ = address.strip().lower().partition("://")
    return bool(found) and scheme in _PLAINTEXT_SCHEMES


def default_port(address: str) -> str:
    """The port of `address` if it contains none."""
    return "80" if is_plaintext(address) else "443"


def normalize_host(address: str) -> str:
    """The HOST of `address`. A text that is not an address is only converted to lower case. Never raises."""
    text = host_as_written(address)
    parts = _HOST_AND_PORT.fullmatch(text)
    if parts is None:
        return text
    name, port = _normalize_name(parts["name"]), (parts["port"] or "").lstrip("0")
    return name if port in {"", default_port(address)} else f"{name}:{port}"


def former_hosts(address: str) -> tuple[str, ...]:
    """Other names that the keys of that source may have, the likeliest first.

    These are:

    - the name that older versions used
    - the name that the Rust ingester used: `address` itself, with its scheme
    - HOST with its default port, in case the user has removed that from `address`
    """
    host = normalize_host(address)
    with_default_port = "" if re.search(r":[0-9]+$", host) else f"{host}:{default_port(address)}"
    others = (host_as_written(address), address.strip(), with_default_port)
    return tuple(dict.fromkeys(other for other in others if other not in {"", host}))


def is_former_host(former: str, host: str) -> bool:
    """Whether `former`, which an older version used as HOST, is the source with this `host`.

    The scheme is no longer known, so both default ports are tried.
    """
    return host in {normalize_host(former), normalize_host(f"ws://{former}")}


def is_ip_address(name: str) -> bool:
    """Whether the name of a host is an IPv4 address with four numbers, or an IPv6 address in brackets."""
    try:
        address = ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return (address.version == 6) == name.startswith("[")


def host_as_written(address: str) -> str:
    """The part of `address` between scheme and path, in lower case. Older versions used it as HOST."""
    return address.strip().split("://", 1)[-1].split("/", 1)[0].lower()


def _normalize_name(name: str) -> str:
    if not name.startswith("["):
        return name.removesuffix(".") or name
    try:
        address = IPv6Address(name[1:-1])
    except AddressValueError:
        return name
    return str(address.ipv4_mapped) if address.ipv4_mapped else f"[{address}]"
