"""What every event stream shares: framing, #info, seq and time, unknown types, dead letters."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sluice_wire import fields
from sluice_wire.deadletter import DeadLetter, DeadLetterReason, InputError
from sluice_wire.events import DecodedFrame, ErrorFrame, InfoMessage
from sluice_wire.frame import read_frame
from sluice_wire.timestamps import format_timestamp, normalize_timestamp


@dataclass(slots=True)
class MessageStamp:
    """Where a message stands in its stream, and when it happened.

    `told` is the message's own time, None if it has no readable one; `time` is `told`, or else
    when the frame was received. Both RFC 3339 UTC with milliseconds.
    """

    seq: int
    source_time: str | None
    time: str


MessageHandler = Callable[[fields.Fields, MessageStamp], DecodedFrame]
"""Decodes the body of one type of message. Raises InputError if the whole of it can't be used."""


def decode_frame(
    data: bytes, *, received: datetime, nsid: str, handlers: Mapping[str, MessageHandler]
) -> DecodedFrame | InfoMessage | ErrorFrame:
    """What the frame `data` of the stream `nsid` says. Never raises, whatever the bytes."""
    seq: int | None = None
    try:
        frame = read_frame(data, nsid=nsid)
        if isinstance(frame, ErrorFrame):
            return frame
        if frame.message_type == "#info":
            return _decode_info(frame.body)
        handler = handlers.get(frame.message_type)
        if handler is None:
            return DecodedFrame(seq=fields.seq_or_none(frame.body), unknown=frame.message_type)
        seq = fields.seq(frame.body)
        told = normalize_timestamp(frame.body.get("time"))
        return handler(frame.body, MessageStamp(seq, told, told or format_timestamp(received)))
    except InputError as error:
        fault = error
    except Exception as error:  # noqa: BLE001
        # A frame that raises once raises at every reconnect: the stream would never get past it.
        fault = InputError(DeadLetterReason.DECODER_FAULT, f"{type(error).__name__}: {error}")
    return DecodedFrame(seq=seq, dead_letters=(DeadLetter.from_error(fault, payload=data, seq=seq),))


def _decode_info(body: fields.Fields) -> InfoMessage:
    return InfoMessage(
        name=fields.text(body, "name", DeadLetterReason.MESSAGE_INVALID),
        message=fields.optional(body, "message", str, DeadLetterReason.MESSAGE_INVALID),
    )
