"""Odd events: valid, but of an old or unknown type, very large, or rare."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from e2e.relaysim import car, events, frames, records
from e2e.relaysim.frames import Event, Template, template
from e2e.relaysim.network import Network

_LARGE = 900_000


def odd(network: Network, what: str) -> Event:
    """An odd event of this sort. ``ValueError`` names the known sorts."""
    if what not in _ODD:
        msg = f"unknown oddity {what!r}; known are {', '.join(WHAT)}"
        raise ValueError(msg)
    event = _ODD[what](network)
    return replace(event, facts={**event.facts, "fault": what})


def _old(kind: str, **body: Any) -> Callable[[Network], Event]:
    def build(network: Network) -> Event:
        did = network.accounts[0].did
        return Event(kind, template(kind, {"did": did, **body}), {"did": did})

    return build


def _commit(**changes: Any) -> Callable[[Network], Event]:
    return lambda network: events.commit(network.make(network.post()), changes=changes)


def _unknown_op(network: Network) -> Event:
    known = template("#commit", {"did": network.accounts[0].did})
    head = known.head.replace(frames.header("#commit"), frames.header("#commit", 7))
    return Event("#commit", Template(head, known.middle, known.tail), {})


def _null_prev(network: Network) -> Event:
    data = replace(network.make(network.post()), prev_data=None)
    return events.commit(data, changes={"prev": None})


def _large(count: int) -> Callable[[Network], Event]:
    def build(network: Network) -> Event:
        made = [{**network.post(), "text": chr(97 + i) * _LARGE} for i in range(count)]
        return events.commit(network.make(*made))

    return build


def _too_big(network: Network) -> Event:
    """Like those that servers used to send: the commit object alone, without operations."""
    data = network.make(network.post())
    alone = car.encode(data.cid, (data.block,))
    return events.commit(replace(data, ops=()), blocks=alone, changes={"tooBig": True})


_ODD: Final[Mapping[str, Callable[[Network], Event]]] = {
    "handle": _old("#handle", handle="moved.example.test"),
    "migrate": _old("#migrate", migrateTo="did:plc:zzzzzzzzzzzzzzzzzzzzzzzz"),
    "tombstone": _old("#tombstone"),
    "unknown-type": _old("#space", anything={"at": ["all"]}),
    "unknown-op": _unknown_op,
    "unknown-fields": _commit(somethingNew={"a": [1, 2, 3]}, another="text"),
    "null-blobs": _commit(blobs=None),
    "null-prev": _null_prev,
    "too-big": _too_big,
    "empty": lambda network: events.commit(network.make()),
    "large": _large(1),
    "largest": _large(5),
    "other-collection": lambda network: events.commit(network.make(network.post(), collection=records.OTHER)),
}

WHAT: Final = tuple(_ODD)
