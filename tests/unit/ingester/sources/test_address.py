"""Parsing the address of a source."""

import pytest

from sluice_ingester.sources.address import Address
from sluice_redis.hosts import normalize_host

NSID = "com.atproto.sync.subscribeRepos"


@pytest.mark.parametrize(
    ("text", "host", "url"),
    [
        ("bsky.network", "bsky.network", "wss://bsky.network"),
        (" BSKY.network ", "bsky.network", "wss://bsky.network"),
        ("wss://bsky.network/", "bsky.network", "wss://bsky.network"),
        ("https://pds.test:8443", "pds.test:8443", "wss://pds.test:8443"),
        ("http://pds.test", "pds.test", "ws://pds.test"),
        ("ws://relay:2470", "relay:2470", "ws://relay:2470"),
        ("ws://198.18.0.1:2470", "198.18.0.1:2470", "ws://198.18.0.1:2470"),
        ("ws://[::1]:2470", "[::1]:2470", "ws://[::1]:2470"),
        ("ws://relay:80", "relay", "ws://relay"),
        ("ws://relay:443", "relay:443", "ws://relay:443"),
        ("relay:00443", "relay", "wss://relay"),
        ("relay:02470", "relay:2470", "wss://relay:2470"),
        ("relay.example.", "relay.example", "wss://relay.example"),
        ("https://[0:0:0:0:0:0:0:1]:443/", "[::1]", "wss://[::1]"),
        ("[::FFFF:198.51.100.7]", "198.51.100.7", "wss://198.51.100.7"),
        ("XN--Mnchen-3YA.example", "xn--mnchen-3ya.example", "wss://xn--mnchen-3ya.example"),
        ("relay_1.default.svc", "relay_1.default.svc", "wss://relay_1.default.svc"),
    ],
)
def test_valid_addresses(text: str, host: str, url: str) -> None:
    address = Address.parse(text)
    assert address.host == host == normalize_host(text)
    assert address.subscription(NSID, cursor=None) == f"{url}/xrpc/{NSID}"
    assert address.subscription(NSID, cursor="7") == f"{url}/xrpc/{NSID}?cursor=7"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a b",
        "host/path",
        "host?x=1",
        "user:pw@host",
        "ftp://host",
        "://host",
        "host:0",
        "host:65536",
        "host:x",
        "-a",
        "a,b",
        "ws://",
        "127.1",
        "0x7f.1:80",
        "010.0.0.1",
        "[1.2.3.4]",
        "[1::2::3]",
        "\N{KELVIN SIGN}elvin.example",
        "münchen.example",
    ],
)
def test_invalid_addresses(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not|has the|is no IP address"):
        Address.parse(text)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("a.test", "wss://a.test:443", True),
        ("http://a.test", "ws://a.test:80", True),
        ("a.test", "a.test:8443", False),
        ("wss://[::1]", "wss://[::1]:443", True),
    ],
)
def test_place(one: str, other: str, *, same: bool) -> None:
    assert (Address.parse(one).host_and_port == Address.parse(other).host_and_port) is same
