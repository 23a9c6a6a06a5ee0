"""A thin client of a PDS' own HTTP API (XRPC): one method for each call, JSON in and out."""

import base64
import json
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any, Final

Json = dict[str, Any]

TIMEOUT_SECONDS: Final = 120


class XrpcError(Exception):
    """The server refused a call."""

    def __init__(self, method: str, status: int, body: str) -> None:
        super().__init__(f"{method}: HTTP {status}: {body}")
        self.status = status


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """An account with a session."""

    did: str
    handle: str
    token: str


class Client:
    """Calls the PDS at `url`. `admin_password` is needed for `delete_account` alone."""

    def __init__(self, url: str, *, admin_password: str = "") -> None:
        self._url = url
        self._admin = "Basic " + base64.b64encode(f"admin:{admin_password}".encode()).decode()
        # Proxies that the environment names are not meant for a server on this machine.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def create_account(self, handle: str) -> Account:
        """com.atproto.server.createAccount."""
        made = self._post(
            "com.atproto.server.createAccount",
            {"handle": handle, "email": f"{handle}@example.com", "password": "correct horse battery staple"},
        )
        return Account(did=made["did"], handle=made["handle"], token=made["accessJwt"])

    def update_handle(self, account: Account, handle: str) -> None:
        """com.atproto.identity.updateHandle."""
        self._post("com.atproto.identity.updateHandle", {"handle": handle}, account)

    def deactivate_account(self, account: Account) -> None:
        """com.atproto.server.deactivateAccount."""
        self._post("com.atproto.server.deactivateAccount", {}, account)

    def activate_account(self, account: Account) -> None:
        """com.atproto.server.activateAccount."""
        self._post("com.atproto.server.activateAccount", None, account)

    def delete_account(self, account: Account) -> None:
        """com.atproto.admin.deleteAccount."""
        body = _json({"did": account.did})
        self._call("com.atproto.admin.deleteAccount", body, authorization=self._admin)

    def create_record(self, account: Account, collection: str, record: Json, *, rkey: str | None = None) -> Json:
        """com.atproto.repo.createRecord: {uri, cid, commit: {cid, rev}}. The server can choose the rkey."""
        body = {"repo": account.did, "collection": collection, "record": record}
        return self._post("com.atproto.repo.createRecord", body | ({"rkey": rkey} if rkey else {}), account)

    def put_record(self, account: Account, collection: str, rkey: str, record: Json) -> Json:
        """com.atproto.repo.putRecord: as create_record; without `commit` where nothing changed."""
        body = {"repo": account.did, "collection": collection, "rkey": rkey, "record": record}
        return self._post("com.atproto.repo.putRecord", body, account)

    def delete_record(self, account: Account, collection: str, rkey: str) -> Json:
        """com.atproto.repo.deleteRecord: {commit: {cid, rev}}."""
        body = {"repo": account.did, "collection": collection, "rkey": rkey}
        return self._post("com.atproto.repo.deleteRecord", body, account)

    def apply_writes(self, account: Account, writes: list[Json]) -> Json:
        """com.atproto.repo.applyWrites, one commit: {commit: {cid, rev}, results: [{uri, cid}, ...]}."""
        return self._post("com.atproto.repo.applyWrites", {"repo": account.did, "writes": writes}, account)

    def upload_blob(self, account: Account, data: bytes, *, mime_type: str) -> Json:
        """com.atproto.repo.uploadBlob: the blob object to put into a record."""
        answer = self._call(
            "com.atproto.repo.uploadBlob",
            data,
            content_type=mime_type,
            authorization=f"Bearer {account.token}",
        )
        blob: Json = answer["blob"]
        return blob

    def get_record(self, did: str, collection: str, rkey: str) -> Json:
        """com.atproto.repo.getRecord: {uri, cid, value}."""
        return self._get("com.atproto.repo.getRecord", repo=did, collection=collection, rkey=rkey)

    def get_latest_commit(self, did: str) -> Json:
        """com.atproto.sync.getLatestCommit: {cid, rev}."""
        return self._get("com.atproto.sync.getLatestCommit", did=did)

    def _get(self, method: str, **parameters: str) -> Json:
        return self._call(f"{method}?{urllib.parse.urlencode(parameters)}", None)

    def _post(self, method: str, body: Json | None, account: Account | None = None) -> Json:
        return self._call(
            method,
            b"" if body is None else _json(body),
            content_type=None if body is None else "application/json",
            authorization=None if account is None else f"Bearer {account.token}",
        )

    def _call(
        self,
        method: str,
        body: bytes | None,
        *,
        content_type: str | None = "application/json",
        authorization: str | None = None,
    ) -> Json:
        request = urllib.request.Request(f"{self._url}/xrpc/{method}", data=body)  # noqa: S310
        if body is not None and content_type:
            request.add_header("Content-Type", content_type)
        if authorization:
            request.add_header("Authorization", authorization)
        try:
            with self._opener.open(request, timeout=TIMEOUT_SECONDS) as response:
                text = response.read()
        except urllib.error.HTTPError as error:
            with error:
                raise XrpcError(method, error.code, error.read().decode(errors="replace")) from error
        answer: Json = json.loads(text) if text else {}
        return answer


def _json(body: Json) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()
