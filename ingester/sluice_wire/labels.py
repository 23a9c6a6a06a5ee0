"""Decoding frames of a labeler's stream, com.atproto.label.subscribeLabels.

https://atproto.com/specs/label

One event contains all labels of a message. Each has the fields that the Rust ingester wrote, and also version, expiry
and signature. A label that cannot be decoded becomes a dead letter. The other labels remain in the event.
"""

from datetime import datetime
from typing import Any, Final

from sluice_wire import datajson, fields
from sluice_wire.deadletter import MAX_PAYLOAD_BYTES, DeadLetter, DeadLetterReason, InputError
from sluice_wire.event_stream import MessageStamp, decode_frame
from sluice_wire.events import DecodedFrame, ErrorFrame, EventKind, InfoMessage
from sluice_wire.salvage import BrokenValue
from sluice_wire.timestamps import normalize_timestamp, plausible_timestamp

NSID: Final = "com.atproto.label.subscribeLabels"

MAX_LABELS: Final = 10_000
"""The most labels in one message. Labelers send one, or some dozens."""

MAX_DEAD_LETTER_BYTES: Final = 16 * MAX_PAYLOAD_BYTES
"""Bytes of all payloads of one message's dead letters."""

_INVALID: Final = DeadLetterReason.LABEL_INVALID
_KIND: Final[EventKind] = "label"


class LabelsDecoder:
    """Decodes the frames of one labeler. It keeps no state between frames."""

    def decode(self, data: bytes, *, received: datetime) -> DecodedFrame | InfoMessage | ErrorFrame:
        """Decode the frame `data`. Never raises, whatever the bytes.

        The time of the result is the creation time of its newest label.
        """
        return decode_frame(data, received=received, nsid=NSID, handlers={"#labels": _decode_labels})


def _decode_labels(body: fields.Fields, stamp: MessageStamp) -> DecodedFrame:
    labels = fields.get(body, "labels")
    if type(labels) is not list or len(labels) > MAX_LABELS:
        raise InputError(DeadLetterReason.MESSAGE_INVALID, f"labels: expected a list of at most {MAX_LABELS}")
    good: list[dict[str, Any]] = []
    dead: list[DeadLetter] = []
    room = MAX_DEAD_LETTER_BYTES
    for label in labels:
        try:
            good.append(_decode_label(label))
        except InputError as error:
            payload = (label.raw if type(label) is BrokenValue else datajson.dumps_leniently(label))[:room]
            room -= len(payload)
            dead.append(DeadLetter.from_error(error, payload=payload, seq=stamp.seq, detail=_subject(label)))
    event = datajson.dumps({"seq": stamp.seq, "labels": good})
    return DecodedFrame(
        seq=stamp.seq,
        time=plausible_timestamp(max((label["cts"] for label in good), default=None)),
        events=(event,) if good else (),
        kinds=(_KIND,) * len(good),
        dead_letters=tuple(dead),
    )


def _decode_label(label: object) -> dict[str, Any]:
    if type(label) is BrokenValue:
        raise InputError(_INVALID, label.error)
    if type(label) is not dict:
        raise InputError(_INVALID, f"a label is a map; this is {type(label).__name__}")
    cts = fields.text(label, "cts", _INVALID)
    if (normal := normalize_timestamp(cts)) is None:
        raise InputError(_INVALID, f"cts: expected an RFC 3339 time, got {cts[:64]!r}")
    entry: dict[str, Any] = {
        "src": fields.did(label, "src", _INVALID),
        "uri": fields.text(label, "uri", _INVALID),
        "cid": fields.optional(label, "cid", str, _INVALID),
        "val": fields.text(label, "val", _INVALID),
        "neg": fields.optional_boolean(label, "neg", _INVALID),
        "cts": normal,
        "ver": fields.optional(label, "ver", int, _INVALID),
        "exp": fields.optional(label, "exp", str, _INVALID),
        "sig": fields.optional(label, "sig", bytes, _INVALID),
    }
    if entry["sig"] is not None and cts != normal:
        entry["signedCts"] = cts  # the labeler signed this form
    return {key: value for key, value in entry.items() if value is not None or key in ("cid", "neg")}


def _subject(label: object) -> str:
    uri = label.get("uri") if type(label) is dict else None
    return uri if type(uri) is str else ""
