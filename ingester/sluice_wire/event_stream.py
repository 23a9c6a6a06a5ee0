"""Decoding the common parts of all event streams: framing, #info, seq, time, unknown types, dead letters."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sluice_common.text import sanitize
from sluice_common.times import format_time
from sluice_wire import fields
from sluice_wire.deadletter import DeadLetter, DeadLetterReason, InputError
from sluice_wire.events import DecodedFrame, ErrorFrame, InfoMessage
from sluice_wire.frame import read_frame
from sluice_wire.timestamps import normalize_timestamp

_MAX_TYPE: Final = 100


@dataclass(slots=True)
class MessageStamp:
    """The seq and the time of a message.

    `source_time` is the message's own time, None if it has no valid one. `time` is `source_time`, or else the time of
    receipt. Both are RFC 3339 in UTC with milliseconds.
    """

    seq: int
    source_time: str | None
    time: str


MessageHandler = Callable[[fields.Fields, MessageStamp], DecodedFrame]
"""Decodes the body of one type of message. Raises InputError if the message as a whole cannot be used."""


def decode_frame(
    data: bytes, *, received: datetime, nsid: str, handlers: Mapping[str, MessageHandler]
) -> DecodedFrame | InfoMessage | ErrorFrame:
    """Decode the frame `data` of the stream `nsid`. Never raises, whatever the bytes."""
    seq: int | None = None
    try:
        frame = read_frame(data, nsid=nsid)
        if isinstance(frame, ErrorFrame):
            return frame
        if frame.message_type == "#info":
            return _decode_info(frame.body)
        handler = handlers.get(frame.message_type)
        if handler is None:
            return DecodedFrame(
                seq=fields.seq_or_none(frame.body), unknown_type=sanitize(frame.message_type, max_length=_MAX_TYPE)
            )
        seq = fields.seq(frame.body)
        source_time = normalize_timestamp(frame.body.get("time"))
        return handler(frame.body, MessageStamp(seq, source_time, source_time or format_time(received)))
    except InputError as error:
        input_error = error
    except Exception as error:  # noqa: BLE001
        # If a frame raised an error, it would do so after every reconnect, and the stream would stop there.
        input_error = InputError(DeadLetterReason.DECODER_FAULT, f"{type(error).__name__}: {error}")
    return DecodedFrame(seq=seq, dead_letters=(DeadLetter.from_error(input_error, payload=data, seq=seq),))


def _decode_info(body: fields.Fields) -> InfoMessage:
    return InfoMessage(
        name=fields.text(body, "name", DeadLetterReason.MESSAGE_INVALID),
        message=fields.optional(body, "message", str, DeadLetterReason.MESSAGE_INVALID),
    )
