"""Event stream framing: a header and a body in each WebSocket message.

https://atproto.com/specs/event-stream#framing
"""

from dataclasses import dataclass
from typing import Any

from sluice_wire import dagcbor, salvage
from sluice_wire.deadletter import DeadLetterReason, InputError
from sluice_wire.events import ErrorFrame

_MESSAGE = 1
_ERROR = -1


@dataclass(slots=True)
class Message:
    """A message. Its type is for example "#commit", or "op 7" if the operation is unknown."""

    message_type: str
    body: dict[str, Any]


def read_frame(data: bytes, *, nsid: str) -> Message | ErrorFrame:
    """The message or the error in `data`. InputError if it is neither.

    `nsid` is that of the stream: a message may give its type as "NSID#commit" or as "#commit".
    """
    try:
        header, body = dagcbor.decode_pair(data)
    except dagcbor.CborError as error:
        try:
            header, body = salvage.salvage_pair(data)
        except dagcbor.CborError:
            raise InputError(DeadLetterReason.FRAME_INVALID, str(error)) from error
    if type(header) is not dict or type(operation := header.get("op")) is not int:
        raise InputError(DeadLetterReason.FRAME_INVALID, "the header names no operation")
    if type(body) is not dict:
        raise InputError(DeadLetterReason.FRAME_INVALID, f"the body is no map but {type(body).__name__}")
    if operation == _ERROR:
        return _read_error(body)
    if operation != _MESSAGE:
        return Message(f"op {operation}", body)
    name = header.get("t")
    if type(name) is not str:
        raise InputError(DeadLetterReason.FRAME_INVALID, "the header names no message type")
    return Message(name.removeprefix(nsid), body)


def _read_error(body: dict[str, Any]) -> ErrorFrame:
    error, message = body.get("error"), body.get("message")
    if type(error) is not str:
        raise InputError(DeadLetterReason.FRAME_INVALID, "an error frame without the error's name")
    return ErrorFrame(error=error, message=message if type(message) is str else None)
