"""Odd events: valid, but of an old or unknown type, very large, or rare."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from e2e.relaysim import car, events, frames, records
from e2e.relaysim.frames import Event, Template, template
from e2e.relaysim.network import World

_LARGE = 900_000


def odd(world: World, what: str) -> Event:
    """An odd event of this sort. ``ValueError`` names the known sorts."""
    if what not in _ODD:
        msg = f"unknown oddity {what!r}; known are {', '.join(WHAT)}"
        raise ValueError(msg)
    event = _ODD[what](world)
    return replace(event, facts={**event.facts, "fault": what})


def _old(kind: str, **body: Any) -> Callable[[World], Event]:
    def build(world: World) -> Event:
        did = world.accounts[0].did
        return Event(kind, template(kind, {"did": did, **body}), {"did": did})

    return build


def _commit(**changes: Any) -> Callable[[World], Event]:
    return lambda world: events.commit(world.make(world.post()), changes=changes)


def _unknown_op(world: World) -> Event:
    known = template("#commit", {"did": world.accounts[0].did})
    head = known.head.replace(frames.header("#commit"), frames.header("#commit", 7))
    return Event("#commit", Template(head, known.middle, known.tail), {})


def _null_prev(world: World) -> Event:
    data = replace(world.make(world.post()), prev_data=None)
    return events.commit(data, changes={"prev": None})


def _large(count: int) -> Callable[[World], Event]:
    def build(world: World) -> Event:
        made = [{**world.post(), "text": chr(97 + i) * _LARGE} for i in range(count)]
        return events.commit(world.make(*made))

    return build


def _too_big(world: World) -> Event:
    """Like those that servers used to send: the commit object alone, without operations."""
    data = world.make(world.post())
    alone = car.encode(data.cid, (data.block,))
    return events.commit(replace(data, ops=()), blocks=alone, changes={"tooBig": True})


_ODD: Final[Mapping[str, Callable[[World], Event]]] = {
    "handle": _old("#handle", handle="moved.example.test"),
    "migrate": _old("#migrate", migrateTo="did:plc:zzzzzzzzzzzzzzzzzzzzzzzz"),
    "tombstone": _old("#tombstone"),
    "unknown-type": _old("#space", anything={"at": ["all"]}),
    "unknown-op": _unknown_op,
    "unknown-fields": _commit(somethingNew={"a": [1, 2, 3]}, another="text"),
    "null-blobs": _commit(blobs=None),
    "null-prev": _null_prev,
    "too-big": _too_big,
    "empty": lambda world: events.commit(world.make()),
    "large": _large(1),
    "largest": _large(5),
    "other-collection": lambda world: events.commit(world.make(world.post(), collection=records.OTHER)),
}

WHAT: Final = tuple(_ODD)
