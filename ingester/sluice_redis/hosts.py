"""HOST: the one name under which a source's keys stand in Redis, however the source is spelled. Pure.

People write one source in many ways: `wss://Relay.example:443/`, `relay.example.`, `RELAY.EXAMPLE`. All of them are
`relay.example`. Dropped are the scheme, a path, the default port of the scheme, leading zeros of the port and the
final dot of the name; letters become small; an IPv6 address takes its shortest form (RFC 5952), and one that stands
for an IPv4 address takes that one's form.

The default port is 80 for ws:// and http://, else 443. So `ws://relay` and `wss://relay` have one HOST, as ever,
though they are two ports: nobody serves two sources in that way, and a relay that comes to speak TLS keeps its
cursor. `ws://relay:443` is not `relay`: there the port is told.
"""

import re
from ipaddress import AddressValueError, IPv6Address, ip_address
from typing import Final

_HOST_AND_PORT: Final = re.compile(r"(?P<name>\[[^\]]*\]|[^:]*)(?::(?P<port>[0-9]*))?")
LOOKS_LIKE_IP: Final = r"\[.*\]|(?:0x[0-9a-f]*|[0-9]+)(?:\.(?:0x[0-9a-f]*|[0-9]+)){1,3}"
"""A name that can only be meant as an address: systems read `127.1`, `0x7f.1` and `010.0.0.1` as one, too."""
_PLAINTEXT_SCHEMES: Final = frozenset({"ws", "http"})


def is_plaintext(address: str) -> bool:
    """Whether `address` names a scheme without TLS."""
    scheme, found, _ = address.strip().lower().partition("://")
    return bool(found) and scheme in _PLAINTEXT_SCHEMES


def default_port(address: str) -> str:
    """The port of `address` if it tells none."""
    return "80" if is_plaintext(address) else "443"


def normalize_host(address: str) -> str:
    """The HOST of `address`. What is no address at all comes out as it is, in small letters: nothing is raised."""
    text = host_as_written(address)
    parts = _HOST_AND_PORT.fullmatch(text)
    if parts is None:
        return text
    name, port = _normalize_name(parts["name"]), (parts["port"] or "").lstrip("0")
    return name if port in {"", default_port(address)} else f"{name}:{port}"


def former_hosts(address: str) -> tuple[str, ...]:
    """Under which other names the keys of that source may stand, the likeliest first.

    They are what older versions made of `address`, what the Rust ingester did (the text itself, with its scheme),
    and HOST with the default port told, for those who have shortened `address` since.
    """
    host = normalize_host(address)
    told = "" if re.search(r":[0-9]+$", host) else f"{host}:{default_port(address)}"
    others = (host_as_written(address), address.strip(), told)
    return tuple(dict.fromkeys(other for other in others if other not in {"", host}))


def is_former_host(former: str, host: str) -> bool:
    """Whether `told`, which a version before this one took for HOST, is the source of that `host`, as far as can be
    told: its scheme is not known any more.
    """
    return host in {normalize_host(former), normalize_host(f"ws://{former}")}


def is_ip_address(name: str) -> bool:
    """Whether the name of a host is an IPv4 address in four numbers, or an IPv6 address in brackets."""
    try:
        address = ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return (address.version == 6) == name.startswith("[")


def host_as_written(address: str) -> str:
    """What stands in `address` between scheme and path, in small letters: what older versions took for HOST."""
    return address.strip().split("://", 1)[-1].split("/", 1)[0].lower()


def _normalize_name(name: str) -> str:
    if not name.startswith("["):
        return name.removesuffix(".") or name
    try:
        address = IPv6Address(name[1:-1])
    except AddressValueError:
        return name
    return str(address.ipv4_mapped) if address.ipv4_mapped else f"[{address}]"
