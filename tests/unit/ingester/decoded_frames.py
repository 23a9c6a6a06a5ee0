"""Decoded frames for tests."""

from sluice_wire.deadletter import DeadLetter, DeadLetterReason
from sluice_wire.events import DecodedFrame, EventKind

TIME = "2026-11-24T12:00:00.000Z"


def decoded(
    seq: int | None, events: int = 1, *, time: str | None = TIME, size: int = 100, dead: int = 0
) -> DecodedFrame:
    kind: EventKind = "create"
    return DecodedFrame(
        seq=seq,
        time=time,
        events=(b"x" * size,) * events,
        kinds=(kind,) * events,
        dead_letters=tuple(
            DeadLetter(
                reason=DeadLetterReason.RECORD_INVALID, message="no map", detail="a/b", payload=b"?" * size, seq=seq
            )
            for _ in range(dead)
        ),
    )
