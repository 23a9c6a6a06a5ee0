"""The events of ``subscribeRepos``: commit, sync, identity and account, as frames with their facts.

Lexicon: com.atproto.sync.subscribeRepos.
"""

from collections.abc import Mapping
from typing import Any

from e2e.relaysim import car
from e2e.relaysim.frames import Event, template
from e2e.relaysim.repo import Commit, Op


def commit(data: Commit, *, blocks: bytes | None = None, changes: Mapping[str, Any] | None = None) -> Event:
    """A ``#commit``. ``blocks`` and ``changes`` replace the right bytes and fields by others."""
    body: dict[str, Any] = {
        "repo": data.did,
        "rev": data.rev,
        "since": data.since,
        "commit": data.cid,
        "blocks": data.car() if blocks is None else blocks,
        "ops": [_op(op) for op in data.ops],
        "blobs": [],
        "rebase": False,
        "tooBig": False,
    }
    if data.prev_data is not None:
        body["prevData"] = data.prev_data
    return Event("#commit", template("#commit", body | dict(changes or {})), _commit_facts(data))


def sync(head: Commit) -> Event:
    """A ``#sync``: this commit is now the head of the repository, even if others are missing before it."""
    body = {"did": head.did, "rev": head.rev, "blocks": car.encode(head.cid, (head.block,))}
    facts = {"did": head.did, "rev": head.rev, "commit": str(head.cid)}
    return Event("#sync", template("#sync", body), facts)


def identity(did: str, handle: str | None = None) -> Event:
    """An ``#identity``. Most real ones have no handle."""
    body = {"did": did} | ({} if handle is None else {"handle": handle})
    return Event("#identity", template("#identity", body), {"did": did, "handle": handle})


def account(did: str, status: str | None = None) -> Event:
    """An ``#account``. Without a status the account is active."""
    body = {"did": did, "active": status is None} | ({} if status is None else {"status": status})
    return Event("#account", template("#account", body), {"did": did, "active": status is None, "status": status})


def _op(op: Op) -> dict[str, Any]:
    fields: dict[str, Any] = {"action": op.action, "path": op.path, "cid": op.cid}
    return fields if op.prev is None else fields | {"prev": op.prev}


def _commit_facts(data: Commit) -> dict[str, Any]:
    ops = [{"action": op.action, "path": op.path, "cid": op.cid and str(op.cid)} for op in data.ops]
    return {"did": data.did, "rev": data.rev, "commit": str(data.cid), "ops": ops}
