"""One source has one HOST in its Redis keys, however its address is spelled; other sources have other HOSTs."""

from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_ingester.sources.address import Address
from sluice_redis.hosts import former_hosts, host_as_written, is_former_host, normalize_host

NAMES = st.from_regex(r"[a-z][a-z0-9]{0,8}(\.[a-z][a-z0-9-]{0,6}[a-z0-9]){0,2}", fullmatch=True)
DEFAULTS = {"": 443, "wss://": 443, "https://": 443, "ws://": 80, "http://": 80}
SCHEMES = st.sampled_from([*DEFAULTS])


@st.composite
def spellings(draw: st.DrawFn, name: st.SearchStrategy[list[str]]) -> tuple[str, str, str]:
    """Two spellings of one source, and its HOST. `name`: spellings of a name, the canonical one first."""
    names, port = draw(name), draw(st.integers(1, 65535))

    def spelling() -> str:
        scheme = draw(SCHEMES)
        port_text = (
            "" if port == DEFAULTS[scheme] and draw(st.booleans()) else f":{draw(st.sampled_from(['', '0']))}{port}"
        )
        port_text = port_text if len(port_text) < 7 else f":{port}"
        text = f"{scheme}{draw(st.sampled_from(names))}{port_text}{draw(st.sampled_from(['', '/']))}"
        blank = draw(st.sampled_from(["", " ", "\n"]))
        return blank + (text.upper() if draw(st.booleans()) else text) + blank

    one, other = spelling(), spelling()
    defaults = {DEFAULTS[scheme] for text in (one, other) for scheme in [_scheme(text)]}
    if len(defaults) == 2 and port in defaults:  # without the port, these are two sources
        other = one
    return one, other, names[0]


def _scheme(text: str) -> str:
    scheme, found, _ = text.strip().lower().partition("://")
    return scheme + found if found else ""


def _dotted(name: str) -> list[str]:
    return [name, name + "."]


def _forms(address: IPv6Address) -> list[str]:
    short = str(address.ipv4_mapped) if address.ipv4_mapped else f"[{address}]"
    return [short, f"[{address.compressed}]", f"[{address.exploded}]"]


@given(spellings(NAMES.map(_dotted) | st.ip_addresses(v=6).map(_forms) | st.ip_addresses(v=4).map(lambda a: [str(a)])))
def test_two_spellings_of_one_source_have_one_host(found: tuple[str, str, str]) -> None:
    one, other, name = found
    assert normalize_host(one) == normalize_host(other) == Address.parse(one).host
    assert normalize_host(one).startswith(name)
    assert Address.parse(one) == Address.parse(one.strip().upper())


@given(NAMES, st.integers(1, 65535), st.integers(1, 65535), SCHEMES)
def test_two_ports_have_two_hosts(name: str, one: int, other: int, scheme: str) -> None:
    same = normalize_host(f"{scheme}{name}:{one}") == normalize_host(f"{scheme}{name}:{other}")
    assert same == (one == other)


@given(SCHEMES, NAMES, st.sampled_from(["", ":80", ":443", ":2470"]))
def test_a_canonical_host_leads_to_the_same_address(scheme: str, name: str, port: str) -> None:
    address = Address.parse(f"{scheme}{name}{port}")
    again = Address.parse(("ws://" if address.plaintext else "wss://") + address.host)
    assert (again, again.host_and_port) == (address, address.host_and_port)
    assert address.host_and_port == f"{name}{port or f':{DEFAULTS[scheme]}'}"


@given(st.text(max_size=40))
def test_any_text_has_a_host(text: str) -> None:
    assert normalize_host(text) == normalize_host(text.strip())
    assert normalize_host(text) not in former_hosts(text)


@pytest.mark.parametrize(
    ("text", "host", "former"),
    [
        ("relay.example", "relay.example", ("relay.example:443",)),
        ("relay.example:443", "relay.example", ("relay.example:443",)),
        ("ws://Relay:80", "relay", ("relay:80", "ws://Relay:80")),
        ("ws://relay:2470", "relay:2470", ("ws://relay:2470",)),
        ("[0:0:0:0:0:0:0:1]:02470", "[::1]:2470", ("[0:0:0:0:0:0:0:1]:02470",)),
    ],
)
def test_former_hosts_of_an_address(text: str, host: str, former: tuple[str, ...]) -> None:
    assert (normalize_host(text), former_hosts(text)) == (host, former)
    assert host_as_written(text) == host_as_written(text.upper())


def test_plain_and_tls_have_one_host() -> None:
    """A relay that changes to TLS keeps its cursor."""
    assert normalize_host("ws://relay") == normalize_host("wss://relay") == "relay"
    assert normalize_host("ws://relay:443") != normalize_host("wss://relay:443")


@given(SCHEMES, NAMES, st.sampled_from(["", ":80", ":443", ":2470"]))
def test_a_host_written_by_an_older_version_is_recognised(scheme: str, name: str, port: str) -> None:
    address = f"{scheme}{name}{port}"
    assert is_former_host(host_as_written(address), normalize_host(address))
    assert is_former_host(normalize_host(address), normalize_host(address))
    assert not is_former_host(host_as_written(address), f"other-{normalize_host(address)}")
    assert not is_former_host("", normalize_host(address))
