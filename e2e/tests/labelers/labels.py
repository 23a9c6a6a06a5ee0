"""The labels of one labeler, as WebSocket messages. A seq has the same message each time that it is sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from e2e.relaysim import dagcbor, frames, websocket

HISTORY: Final = 3
"""Labels of each labeler at the start."""
LARGE_BYTES: Final = 4_900_000
"""The size of a value that makes a frame nearly as large as the protocol allows."""


def name_of(number: int) -> str:
    """The name of a labeler, as in its labels."""
    return f"l{number:03d}"


class Labels:
    """All labels of the labeler with the DID `did:web:NAME`. `newest` is the highest seq, at first 0.

    Labels of a flood are made from a template, so that a million of them needs no memory.
    """

    def __init__(self, name: str) -> None:
        self.newest = 0
        self._name = name
        self._single: dict[int, bytes] = {}
        self._floods: list[tuple[int, frames.Template]] = []

    def add(self) -> None:
        """Add a label whose `cts` is now."""
        self.newest += 1
        body = {"seq": self.newest, "labels": [self._label("spam")]}
        self._single[self.newest] = _message(frames.header("#labels") + dagcbor.encode(body))

    def begin_flood(self, *, large: bool) -> None:
        """All labels from now on that are added by `extend` differ only in their seq."""
        label = self._label("x" * LARGE_BYTES if large else "flood")
        self._floods.append((self.newest + 1, frames.template("#labels", {"labels": [label]}, timed=False)))

    def extend(self, count: int) -> None:
        """Add labels of the newest flood."""
        self.newest += count

    def messages(self, after: int, *, size: int) -> Iterator[bytes]:
        """The messages behind the seq `after`. It ends when they have `size` bytes together."""
        for seq in range(after + 1, self.newest + 1):
            message = self._single.get(seq) or self._of_flood(seq)
            yield message
            size -= len(message)
            if size <= 0:
                return

    def _of_flood(self, seq: int) -> bytes:
        template = next(template for first, template in reversed(self._floods) if first <= seq)
        return _message(template.stamp(seq, ""))

    def _label(self, value: str) -> dict[str, Any]:
        did = f"did:web:{self._name}"
        return {"ver": 1, "src": did, "uri": "did:web:subject.test", "val": value, "cts": frames.timestamp()}


def _message(frame: bytes) -> bytes:
    return websocket.head(len(frame)) + frame
