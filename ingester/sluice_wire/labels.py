"""com.atproto.label.subscribeLabels: a labeler's stream, frame by frame.

One event holds all labels of a message, as the Rust ingester wrote them, and also what it left
out: version, expiry and signature. A label that can't be used becomes a dead letter of its own;
its siblings go on. https://atproto.com/specs/label
"""

from datetime import datetime
from typing import Any, Final

from sluice_wire import datajson, fields
from sluice_wire.deadletter import MAX_PAYLOAD, DeadLetter, InputError, Reason
from sluice_wire.event_stream import Stamp, decode_frame
from sluice_wire.events import Decoded, ErrorFrame, Info, Kind
from sluice_wire.salvage import Broken
from sluice_wire.timestamps import credible, normalise

NSID: Final = "com.atproto.label.subscribeLabels"

MAX_LABELS: Final = 10_000
"""Labels in one message. Labelers send one, or some dozens."""

MAX_DEAD: Final = 16 * MAX_PAYLOAD
"""Bytes of all payloads of one message's dead letters."""

_BAD: Final = Reason.LABEL_INVALID
_KIND: Final[Kind] = "label"


class LabelsDecoder:
    """Decodes the frames of one labeler; it keeps no state between them."""

    def decode(self, data: bytes, *, received: datetime) -> Decoded | Info | ErrorFrame:
        """What the frame `data` says. Never raises, whatever the bytes.

        The time of the answer is when the newest of its labels was made.
        """
        return decode_frame(data, received=received, nsid=NSID, handlers={"#labels": _decode_labels})


def _decode_labels(body: fields.Fields, stamp: Stamp) -> Decoded:
    labels = fields.get(body, "labels")
    if type(labels) is not list or len(labels) > MAX_LABELS:
        raise InputError(Reason.MESSAGE_INVALID, f"labels: expected a list of at most {MAX_LABELS}")
    good: list[dict[str, Any]] = []
    dead: list[DeadLetter] = []
    room = MAX_DEAD
    for label in labels:
        try:
            good.append(_label(label))
        except InputError as fault:
            payload = (label.raw if type(label) is Broken else datajson.describe(label))[:room]
            room -= len(payload)
            dead.append(DeadLetter.of(fault, payload=payload, seq=stamp.seq, detail=_subject(label)))
    event = datajson.dumps({"seq": stamp.seq, "labels": good})
    return Decoded(
        seq=stamp.seq,
        time=credible(max((label["cts"] for label in good), default=None)),
        events=(event,) if good else (),
        kinds=(_KIND,) * len(good),
        dead=tuple(dead),
    )


def _label(label: object) -> dict[str, Any]:
    if type(label) is Broken:
        raise InputError(_BAD, label.error)
    if type(label) is not dict:
        raise InputError(_BAD, f"a label is a map; this is {type(label).__name__}")
    cts = fields.text(label, "cts", _BAD)
    if (normal := normalise(cts)) is None:
        raise InputError(_BAD, f"cts: expected an RFC 3339 time, got {cts[:64]!r}")
    entry: dict[str, Any] = {
        "src": fields.did(label, "src", _BAD),
        "uri": fields.text(label, "uri", _BAD),
        "cid": fields.optional(label, "cid", str, _BAD),
        "val": fields.text(label, "val", _BAD),
        "neg": fields.flag(label, "neg", _BAD),
        "cts": normal,
        "ver": fields.optional(label, "ver", int, _BAD),
        "exp": fields.optional(label, "exp", str, _BAD),
        "sig": fields.optional(label, "sig", bytes, _BAD),
    }
    if entry["sig"] is not None and cts != normal:
        entry["signedCts"] = cts  # the signature is over this form
    return {key: value for key, value in entry.items() if value is not None or key in ("cid", "neg")}


def _subject(label: object) -> str:
    uri = label.get("uri") if type(label) is dict else None
    return uri if type(uri) is str else ""
