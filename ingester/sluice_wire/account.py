"""Decoding #identity, #account, #sync, and the older #handle and #tombstone: one event each, never filtered."""

from typing import Any, Final

from sluice_wire import car, datajson, fields
from sluice_wire.deadletter import DeadLetterReason
from sluice_wire.event_stream import MessageStamp
from sluice_wire.events import DecodedFrame, EventKind
from sluice_wire.repo_page import Repo
from sluice_wire.timestamps import plausible_timestamp

_INVALID: Final = DeadLetterReason.MESSAGE_INVALID


def decode_identity(body: fields.Fields, stamp: MessageStamp) -> DecodedFrame:
    """#identity, and the older #handle: a handle or a DID document may have changed."""
    did = fields.did(body, "did", _INVALID)
    return _single_event("identity", stamp, did, {"handle": fields.optional(body, "handle", str, _INVALID)})


def decode_account(body: fields.Fields, stamp: MessageStamp) -> DecodedFrame:
    """#account: a host starts or stops serving an account."""
    did = fields.did(body, "did", _INVALID)
    active = fields.boolean(body, "active", _INVALID)
    status = fields.optional(body, "status", str, _INVALID)
    return _single_event("account", stamp, did, {"active": active, "status": status and status.lower()})


def decode_tombstone(body: fields.Fields, stamp: MessageStamp) -> DecodedFrame:
    """The older #tombstone: the account is deleted."""
    did = fields.did(body, "did", _INVALID)
    return _single_event("account", stamp, did, {"active": False, "status": "deleted"})


def decode_sync(
    body: fields.Fields, stamp: MessageStamp, *, omit_event: bool = False, resync_origin: str | None = None
) -> DecodedFrame:
    """#sync: the state of a repository was reset, and consumers must fetch it again.

    `commit` is left out of the event if the message's block does not prove it. With `omit_event` there is no event,
    but the cursor moves. With `resync_origin`, the host with its scheme, there is also an entry for the backfill's
    stream.
    """
    did = fields.did(body, "did", _INVALID)
    rev = fields.text(body, "rev", _INVALID)
    repo = Repo(did=did, rev=rev, status=None, active=True)
    resyncs = () if resync_origin is None else (repo.event(origin=resync_origin),)
    if omit_event:
        return DecodedFrame(seq=stamp.seq, time=stamp.source_time, resyncs=resyncs)
    commit = _verified_root(body.get("blocks"))
    return _single_event("sync", stamp, did, ({"commit": commit} if commit else {}) | {"rev": rev}, resyncs=resyncs)


def _single_event(
    kind: EventKind, stamp: MessageStamp, did: str, rest: dict[str, Any], *, resyncs: tuple[bytes, ...] = ()
) -> DecodedFrame:
    event = datajson.dumps({"type": kind, "seq": stamp.seq, "time": stamp.time, "did": did, **rest})
    return DecodedFrame(
        seq=stamp.seq,
        time=plausible_timestamp(stamp.source_time),
        events=(event,),
        kinds=(kind,),
        resyncs=resyncs,
    )


def _verified_root(container: object) -> str | None:
    if type(container) is not bytes:
        return None
    try:
        (root,) = car.read_roots(container)[:1]
        for cid, block in car.iter_blocks(container):
            if cid == root:
                return str(root) if root.matches(block) else None
    except ValueError:
        return None
    return None
