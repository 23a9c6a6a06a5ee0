"""#identity, #account and #sync, and the messages that they replaced: one event each, never filtered."""

from dataclasses import replace
from typing import Any, Final

from sluice_wire import car, datajson, fields
from sluice_wire.deadletter import Reason
from sluice_wire.event_stream import Stamp
from sluice_wire.events import Decoded, Kind
from sluice_wire.repo_page import Repo
from sluice_wire.timestamps import credible

_BAD: Final = Reason.MESSAGE_INVALID


def decode_identity(body: fields.Fields, stamp: Stamp) -> Decoded:
    """#identity, and #handle of old: a handle or a DID document may have changed."""
    did = fields.did(body, "did", _BAD)
    return _one("identity", stamp, did, {"handle": fields.optional(body, "handle", str, _BAD)})


def decode_account(body: fields.Fields, stamp: Stamp) -> Decoded:
    """#account: a host begins or ceases to serve an account."""
    did = fields.did(body, "did", _BAD)
    active = fields.boolean(body, "active", _BAD)
    status = fields.optional(body, "status", str, _BAD)
    return _one("account", stamp, did, {"active": active, "status": status and status.lower()})


def decode_tombstone(body: fields.Fields, stamp: Stamp) -> Decoded:
    """#tombstone of old: the account is deleted."""
    did = fields.did(body, "did", _BAD)
    return _one("account", stamp, did, {"active": False, "status": "deleted"})


def decode_sync(body: fields.Fields, stamp: Stamp, *, omit: bool = False, origin: str | None = None) -> Decoded:
    """#sync: a repository's state was set anew; who follows it must fetch it again.

    `commit` is left out where the message's block doesn't prove it: the call to fetch stands. With `omit`
    it gives no event and still moves the cursor. With `origin`, the host with its scheme, it is also told as
    an entry of the listing of repos.
    """
    did = fields.did(body, "did", _BAD)
    rev = fields.text(body, "rev", _BAD)
    if omit:
        decoded = Decoded(seq=stamp.seq, time=stamp.told)
    else:
        commit = _proven_root(body.get("blocks"))
        decoded = _one("sync", stamp, did, ({"commit": commit} if commit else {}) | {"rev": rev})
    if origin is None:
        return decoded
    repo = Repo(did=did, rev=rev, status=None, active=True)
    return replace(decoded, resyncs=(repo.event(origin=origin),))


def _one(kind: Kind, stamp: Stamp, did: str, rest: dict[str, Any]) -> Decoded:
    event = datajson.dumps({"type": kind, "seq": stamp.seq, "time": stamp.time, "did": did, **rest})
    return Decoded(seq=stamp.seq, time=credible(stamp.told), events=(event,), kinds=(kind,))


def _proven_root(container: object) -> str | None:
    if type(container) is not bytes:
        return None
    try:
        (root,) = car.roots(container)[:1]
        for cid, block in car.blocks(container):
            if cid == root:
                return str(root) if root.matches(block) else None
    except ValueError:
        return None
    return None
