"""Damaged events, which a client can't decode, or only in part. It must continue after them.

The damaged commit changes its repository like any other, so that the events after it are valid. ``facts["fault"]``
names the damage. ``facts["lost"]`` lists the paths whose record can't be read although the rest of the commit can;
without it nothing of the frame can be read.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from e2e.relaysim import dagcbor, events, frames
from e2e.relaysim.car import Block
from e2e.relaysim.frames import Event, Frame
from e2e.relaysim.network import Network
from e2e.relaysim.repo import Commit

_DEEP = 20_000
_TOO_BIG = 5_000_001


@dataclass(frozen=True, slots=True)
class Changed:
    """A frame whose bytes are changed after it was stamped."""

    frame: Frame
    change: Callable[[bytes], bytes]
    text: bool = False

    def stamp(self, seq: int, time: str) -> bytes:
        """The changed payload."""
        return self.change(self.frame.stamp(seq, time))


def damaged(network: Network, how: str) -> Event:
    """An event that is damaged in this way. ``ValueError`` names the known ways."""
    if how in _FRAMES:
        event = events.commit(network.make(network.post()))
        frame = Changed(event.frame, _FRAMES[how], text=how == "text")
        return replace(event, frame=frame, facts={**event.facts, "fault": how})
    if how in _COMMITS:
        return _COMMITS[how](network, how)
    msg = f"unknown damage {how!r}; known are {', '.join(HOW)}"
    raise ValueError(msg)


def _seqless(frame: bytes) -> bytes:
    return frame.replace(b"\x63seq", b"\x63sex", 1)


_FRAMES: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "garbage": lambda frame: b"\xff\xfe" + frame[2:200][::-1],
    "empty": lambda frame: b"",
    "truncated": lambda frame: frame[: len(frame) // 2],
    "header-only": lambda frame: frames.header("#commit"),
    "trailing": lambda frame: frame + dagcbor.encode({"third": "object"}),
    "header-list": lambda frame: dagcbor.encode([1]) + dagcbor.encode({}),
    "body-list": lambda frame: frames.header("#commit") + dagcbor.encode([1, 2]),
    "no-seq": _seqless,
    "no-op": lambda frame: dagcbor.encode({"t": "#commit"}) + frame[len(frames.header("#commit")) :],
    "deep-frame": lambda frame: frames.header("#commit") + b"\x81" * _DEEP + b"\x00",
    "oversized": lambda frame: frame + bytes(_TOO_BIG),
    "text": lambda frame: b'{"kind":"commit"}',
}


def _whole(network: Network, how: str, blocks: bytes) -> Event:
    event = events.commit(network.make(network.post()), blocks=blocks)
    return replace(event, facts={**event.facts, "fault": how})


def _siblings(network: Network, how: str, change: Callable[[Block], Block | None]) -> Event:
    """Three records in one commit, and the block of the middle one is changed or left out."""
    commit = network.make(network.post(), network.post(), network.post())
    first, middle, last = commit.records
    kept = tuple(block for block in (first, change(middle), last) if block)
    return _lossy(replace(commit, records=kept), how)


def _raw(network: Network, how: str, record: bytes) -> Event:
    """Three records in one commit. The bytes of the middle one match their CID but are no record."""
    return _lossy(network.make(network.post(), record, network.post()), how)


def _lossy(commit: Commit, how: str) -> Event:
    event = events.commit(commit)
    facts: dict[str, Any] = {**event.facts, "fault": how, "lost": [commit.ops[1].path]}
    return replace(event, facts=facts)


_COMMITS: Final[Mapping[str, Callable[[Network, str], Event]]] = {
    "bad-car": lambda network, how: _whole(network, how, b"\x05\xff\xff\xff\xff\xff" * 20),
    "empty-car": lambda network, how: _whole(network, how, b""),
    "endless-varint": lambda network, how: _whole(network, how, b"\xff" * 64),
    "bad-block": lambda network, how: _siblings(network, how, lambda b: (b[0], b[1][:-1] + bytes([b[1][-1] ^ 1]))),
    "missing-block": lambda network, how: _siblings(network, how, lambda b: None),
    "not-cbor": lambda network, how: _raw(network, how, b"\xff\xff\xff"),
    "cut-record": lambda network, how: _raw(network, how, b"\xa2\x65$type"),
    "list-record": lambda network, how: _raw(network, how, dagcbor.encode(["no", "map"])),
    "deep-record": lambda network, how: _raw(network, how, b"\xa1\x61a" + b"\x81" * _DEEP + b"\x00"),
    "two-records": lambda network, how: _raw(network, how, dagcbor.encode({}) + dagcbor.encode({})),
}

HOW: Final = (*_FRAMES, *_COMMITS)
