"""IP addresses as a host: the operator accepts those that Python's ipaddress accepts."""

import ipaddress

from hypothesis import example, given
from hypothesis import strategies as st

from sluice_operator.api.errors import InvalidResourceError
from sluice_operator.api.relay import Relay


def is_accepted(host: str) -> bool:
    try:
        Relay.parse({"metadata": {"name": "a", "namespace": "b", "uid": "c"}, "spec": {"host": host}})
    except InvalidResourceError:
        return False
    return True


def is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


@given(st.ip_addresses(v=6), st.sampled_from(["", "ws://", "https://"]), st.sampled_from(["", ":443"]))
def test_every_ipv6_address_is_accepted(address: ipaddress.IPv6Address, scheme: str, port: str) -> None:
    for text in (address.compressed, address.exploded, address.compressed.upper()):
        assert is_accepted(f"{scheme}[{text}]{port}")


@given(st.lists(st.sampled_from(["", "0", "1f", "ABCD", "12345"]), max_size=10).map(":".join))
@example("::1.2.3.4")
@example("::1.2.3.256")
@example("1:2:3:4:5:6:1.2.3.4")
@example("1:2:3:4:5:6:7:1.2.3.4")
def test_text_in_brackets_is_an_ipv6_address(text: str) -> None:
    assert is_accepted(f"[{text}]") == is_address(text)


@given(st.lists(st.sampled_from([0, 1, 99, 100, 199, 249, 255, 256, 999, 1000]), min_size=4, max_size=4))
@example([10, 0, 0, 300])
def test_four_numbers_are_an_ipv4_address(numbers: list[int]) -> None:
    text = ".".join(map(str, numbers))
    assert is_accepted(text) == is_accepted(f"http://{text}:80") == is_address(text)
