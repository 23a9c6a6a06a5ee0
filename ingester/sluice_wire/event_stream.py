"""What every event stream shares: framing, #info, seq and time, unknown types, dead letters."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sluice_wire import fields
from sluice_wire.deadletter import DeadLetter, InputError, Reason
from sluice_wire.events import Decoded, ErrorFrame, Info
from sluice_wire.frame import read_frame
from sluice_wire.timestamps import from_datetime, normalise


@dataclass(slots=True)
class Stamp:
    """Where a message stands in its stream, and when it happened.

    `told` is the message's own time, None if it has no readable one; `time` is `told`, or else
    when the frame was received. Both RFC 3339 UTC with milliseconds.
    """

    seq: int
    told: str | None
    time: str


Handler = Callable[[fields.Fields, Stamp], Decoded]
"""Decodes the body of one type of message. Raises InputError if the whole of it can't be used."""


def decode_frame(
    data: bytes, *, received: datetime, nsid: str, handlers: Mapping[str, Handler]
) -> Decoded | Info | ErrorFrame:
    """What the frame `data` of the stream `nsid` says. Never raises, whatever the bytes."""
    seq: int | None = None
    try:
        frame = read_frame(data, nsid=nsid)
        if isinstance(frame, ErrorFrame):
            return frame
        if frame.name == "#info":
            return _info(frame.body)
        handler = handlers.get(frame.name)
        if handler is None:
            return Decoded(seq=fields.seq_or_none(frame.body), unknown=frame.name)
        seq = fields.seq(frame.body)
        told = normalise(frame.body.get("time"))
        return handler(frame.body, Stamp(seq, told, told or from_datetime(received)))
    except InputError as error:
        fault = error
    except Exception as error:  # noqa: BLE001
        # A frame that raises once raises at every reconnect: the stream would never get past it.
        fault = InputError(Reason.DECODER_FAULT, f"{type(error).__name__}: {error}")
    return Decoded(seq=seq, dead=(DeadLetter.of(fault, payload=data, seq=seq),))


def _info(body: fields.Fields) -> Info:
    return Info(
        name=fields.text(body, "name", Reason.MESSAGE_INVALID),
        message=fields.optional(body, "message", str, Reason.MESSAGE_INVALID),
    )
