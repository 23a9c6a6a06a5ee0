"""Changes of an existing resource that are refused, with the message for the user, or accepted."""

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.apiserver.conftest import ApiServer, RefusedError

ANOTHER = "create another resource for another source, and delete this one"
NONCE = "give another nonce with another position: the cursor is set once for each nonce"


def to(position: str | int, nonce: str) -> dict[str, Any]:
    return {"host": "one.example.com", "cursor": {"position": position, "nonce": nonce}}


CHANGES_REFUSED: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"host": "one.example.com"}, {"host": "two.example.com"}, ANOTHER),
    ({"host": "one.example.com"}, {"host": "wss://two.example.com"}, ANOTHER),
    ({"host": "ws://one.example.com"}, {"host": "ws://one.example.com:2470"}, ANOTHER),
    ({"host": "one.example.com:443"}, {"host": "ws://one.example.com:443"}, ANOTHER),
    ({"host": "one.example.com"}, {"host": "one.example.com:80"}, ANOTHER),
    ({"host": "ws://one.example.com"}, {"host": "wss://one.example.com:80"}, ANOTHER),
    ({"host": "ws:80"}, {"host": "ws"}, ANOTHER),
    ({"host": "[1::8]"}, {"host": "[1:8::]"}, ANOTHER),
    ({"host": "[::0.0.0.10]"}, {"host": "[::10]"}, ANOTHER),
    ({"host": "198.51.100.7"}, {"host": "198.51.100.70"}, ANOTHER),
    ({"host": "[fd00::1]:2470"}, {"host": "[fd00::2]:2470"}, ANOTHER),
    (to("oldest", "first"), to("live", "first"), NONCE),
    (to(7, "first"), to("8", "first"), NONCE),
    ({"host": "wss"}, {"host": "https"}, "the host is immutable: create another resource for another source"),
]

CHANGES_TAKEN: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"host": "one.example.com"}, {"host": "ws://one.example.com"}),
    ({"host": "ws://one.example.com:2470"}, {"host": "https://One.Example.COM:2470"}),
    ({"host": "[FD00::1]:2470"}, {"host": "http://[fd00::1]:2470"}),
    ({"host": "one.example.com:443"}, {"host": "one.example.com"}),
    ({"host": "one.example.com"}, {"host": "wss://one.example.com:443"}),
    ({"host": "one.example.com:443"}, {"host": "ws://one.example.com:80"}),
    ({"host": "https://One.example.com:00443"}, {"host": "http://one.example.com"}),
    ({"host": "ws://one.example.com:02470"}, {"host": "one.example.com:2470"}),
    ({"host": "[0:0:0:0:0:0:0:1]:443"}, {"host": "[::1]"}),
    ({"host": "[2001:DB8::0:7]"}, {"host": "[2001:0db8:0:0:0:0:0:7]"}),
    ({"host": "one.example.com"}, {"host": "one.example.com", "redis": {"keyPrefix": "mine:"}}),
    ({"host": "one.example.com"}, {"host": "one.example.com", "redis": {"secretRef": {"name": "mine"}}}),
    ({"host": "one.example.com"}, {"host": "one.example.com", "deletionPolicy": "DeleteCursor"}),
    (to("oldest", "first"), to("live", "second")),
    (to(7, "first"), to(7, "first")),
    (to(7, "first"), {"host": "one.example.com"}),
    ({"host": "one.example.com"}, to(7, "first")),
]

Change = Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]


@pytest.fixture(params=["relays", "labelers"])
def change(server: ApiServer, request: pytest.FixtureRequest) -> Iterator[Change]:
    """Create a resource with one spec, then try another one in a dry run. The resource after the change."""
    name, make = f"changed-{secrets.token_hex(3)}", {"relays": server.relay, "labelers": server.labeler}[request.param]

    def change(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
        server.create(request.param, make(before, name=name))
        return server.apply(make(after, name=name), "--dry-run=server")

    yield change
    server.delete(request.param, name)


@pytest.mark.parametrize(("before", "after", "message"), CHANGES_REFUSED)
def test_refused_changes(change: Change, before: dict[str, Any], after: dict[str, Any], message: str) -> None:
    with pytest.raises(RefusedError, match=r"spec\.(host|cursor): Invalid value") as caught:
        change(before, after)
    assert message in str(caught.value)


@pytest.mark.parametrize(("before", "after"), CHANGES_TAKEN)
def test_accepted_changes(change: Change, before: dict[str, Any], after: dict[str, Any]) -> None:
    assert change(before, after)["spec"]["host"] == after["host"]
