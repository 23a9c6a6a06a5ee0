"""Writes to a PDS, and records the events that a consumer of its firehose must receive.

The events are derived from the API's requests and responses, not from the firehose. So the firehose can be compared
with them.
"""

from dataclasses import dataclass, field
from typing import Any

from e2e.pds.client import Account, Client, Json


@dataclass(frozen=True, kw_only=True, slots=True)
class Write:
    """One write of a commit. `record` None deletes; `rkey` None lets the server choose."""

    collection: str
    rkey: str | None = None
    record: Json | None = None


@dataclass(kw_only=True)
class Journal:
    """Each method is one call of the API.

    `events`: the events of the Redis contract in order, without `seq` and `time`, which only the firehose has.
    `records`: the current records of all repos, (did, collection, rkey) -> (cid, record).
    """

    client: Client
    events: list[Json] = field(default_factory=list)
    records: dict[tuple[str, str, str], tuple[str, Json]] = field(default_factory=dict)

    def create_account(self, handle: str) -> Account:
        """Create an account. Its events: an identity, an active account, and the state of its empty repo."""
        account = self.client.create_account(handle)
        self._identity(account.did, handle)
        self._account(account.did)
        self._sync(account.did, self.client.get_latest_commit(account.did))
        return account

    def update_handle(self, account: Account, handle: str) -> None:
        """Change the handle of an account."""
        self.client.update_handle(account, handle)
        self._identity(account.did, handle)

    def deactivate(self, account: Account) -> None:
        """Deactivate an account: it is not served until it is activated again."""
        self.client.deactivate_account(account)
        self._account(account.did, status="deactivated")

    def activate(self, account: Account, *, handle: str) -> None:
        """Activate an account again, under `handle`, its present handle."""
        self.client.activate_account(account)
        self._account(account.did)
        self._identity(account.did, handle)
        self._sync(account.did, self.client.get_latest_commit(account.did))

    def delete_account(self, account: Account) -> None:
        """Delete an account. The PDS removes its earlier events from the replay window too."""
        self.client.delete_account(account)
        self._account(account.did, status="deleted")
        self.records = {key: kept for key, kept in self.records.items() if key[0] != account.did}

    def create(self, account: Account, collection: str, record: Json, *, rkey: str | None = None) -> Json:
        """Create a record; its {uri, cid}, by which others refer to it."""
        answer = self.client.create_record(account, collection, record, rkey=rkey)
        self._write(account.did, answer["commit"], Write(collection=collection, record=record), answer)
        return {"uri": answer["uri"], "cid": answer["cid"]}

    def put(self, account: Account, collection: str, rkey: str, record: Json) -> Json:
        """Create or replace a record; the same content again changes nothing."""
        answer = self.client.put_record(account, collection, rkey, record)
        if "commit" in answer:
            self._write(account.did, answer["commit"], Write(collection=collection, record=record), answer)
        return {"uri": answer["uri"], "cid": answer["cid"]}

    def delete(self, account: Account, collection: str, rkey: str) -> None:
        """Delete a record that exists."""
        answer = self.client.delete_record(account, collection, rkey)
        self._write(account.did, answer["commit"], Write(collection=collection, rkey=rkey), {})

    def commit(self, account: Account, *writes: Write) -> None:
        """Make several writes in one commit."""
        answer = self.client.apply_writes(account, [self._as_input(account.did, write) for write in writes])
        for write, result in zip(writes, answer["results"], strict=True):
            self._write(account.did, answer["commit"], write, result)

    def _as_input(self, did: str, write: Write) -> Json:
        body: Json = {"collection": write.collection}
        if write.rkey is not None:
            body["rkey"] = write.rkey
        if write.record is not None:
            body["value"] = write.record
        return body | {"$type": f"com.atproto.repo.applyWrites#{self._action(did, write)}"}

    def _action(self, did: str, write: Write) -> str:
        if write.record is None:
            return "delete"
        return "update" if (did, write.collection, write.rkey) in self.records else "create"

    def _write(self, did: str, commit: Json, write: Write, result: Json) -> None:
        rkey = write.rkey or result["uri"].rsplit("/", 1)[1]
        action = self._action(did, Write(collection=write.collection, rkey=rkey, record=write.record))
        event: dict[str, Any] = {
            "type": action,
            "did": did,
            "commit": commit["cid"],
            "rev": commit["rev"],
            "collection": write.collection,
            "rkey": rkey,
        }
        key = (did, write.collection, rkey)
        if write.record is None:
            del self.records[key]
        else:
            self.records[key] = (result["cid"], write.record)
            event |= {"cid": result["cid"], "record": write.record}
        self.events.append(event)

    def _identity(self, did: str, handle: str) -> None:
        self.events.append({"type": "identity", "did": did, "handle": handle})

    def _account(self, did: str, *, status: str | None = None) -> None:
        self.events.append({"type": "account", "did": did, "active": status is None, "status": status})

    def _sync(self, did: str, commit: Json) -> None:
        self.events.append({"type": "sync", "did": did, "commit": commit["cid"], "rev": commit["rev"]})
