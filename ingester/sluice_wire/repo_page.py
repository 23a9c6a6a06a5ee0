"""com.atproto.sync.listRepos: one page of a host's listing of repositories, as JSON.

A listing is a backfill's to-do list, so leniency counts: `head` and `rev` are empty for accounts
whose repository a relay has not seen, `active` may be absent. An entry without a usable DID becomes
a dead letter; its siblings go on.

The end of a listing is a page without a cursor: null, absent or empty. What is on the page says nothing
about it: `repos` may be empty, null or absent on any page. But JSON that says something else, such as an
error, is no page. https://docs.bsky.app/docs/api/com-atproto-sync-list-repos
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from sluice_redis.contract import BACKFILL_DONE
from sluice_wire import fields
from sluice_wire.deadletter import DeadLetter, DeadLetterReason, InputError

NSID: Final = "com.atproto.sync.listRepos"
MAX_LIMIT: Final = 1000
"""Entries of a page: the lexicon's maximum."""

_MAX_CURSOR: Final = 2048
_MAX_WORD: Final = 256
_DID: Final = re.compile(r"did:[a-z]+:[a-zA-Z0-9._:%-]*[a-zA-Z0-9_-]")
_INVALID: Final = DeadLetterReason.REPO_INVALID


class PageInvalidError(ValueError):
    """A body that is no page of a listing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repo:
    """One entry. `rev` is empty where the host does not know it."""

    did: str
    rev: str
    status: str | None
    active: bool

    def event(self, *, origin: str) -> bytes:
        """The JSON of a stream entry; `origin` is the listing host with its scheme."""
        entry = {"did": self.did, "host": origin, "rev": self.rev, "status": self.status, "active": self.active}
        return json.dumps(entry, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class RepoPage:
    """A page; `cursor` is None on the last one, and only there."""

    cursor: str | None
    repos: tuple[Repo, ...]
    dead_letters: tuple[DeadLetter, ...]


def parse_page(body: bytes) -> RepoPage:
    """The page in `body`; PageInvalidError, and nothing else, if it is none."""
    try:
        page = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise PageInvalidError(f"no JSON: {str(error)[:100]}") from None
    if not isinstance(page, dict):
        raise PageInvalidError("its JSON is no map")
    entries = page.get("repos")
    if entries is None:
        _check_is_page(page)
        entries = []
    if not isinstance(entries, list) or len(entries) > 2 * MAX_LIMIT:
        raise PageInvalidError(f"no list of at most {MAX_LIMIT} repos")
    repos: dict[str, Repo] = {}
    dead: list[DeadLetter] = []
    for entry in entries:
        try:
            repo = _read_repo(entry)
        except InputError as fault:
            dead.append(DeadLetter.from_error(fault, payload=_dumps(entry), seq=None, detail=_subject(entry)))
        else:
            repos.setdefault(repo.did, repo)
    return RepoPage(cursor=_read_cursor(page.get("cursor")), repos=tuple(repos.values()), dead_letters=tuple(dead))


def did_in_message(message: str) -> str | None:
    """The DID that an error message is about, None if it names none or several."""
    found = set(_DID.findall(message))
    return found.pop() if len(found) == 1 else None


def _check_is_page(page: dict[str, Any]) -> None:
    """Without repos it must be a page by all else: what may be an error must not be the end of a listing."""
    if page and ("error" in page or page.keys().isdisjoint({"repos", "cursor"})):
        raise PageInvalidError(f"no repos and no cursor, but {', '.join(sorted(page))[:100]}")


def _read_cursor(value: object) -> str | None:
    if value is None or value == "":
        return None
    if type(value) is int:  # of a host that doesn't put its numbers into quotes
        value = str(value)
    if not isinstance(value, str) or len(value) > _MAX_CURSOR or value == BACKFILL_DONE:
        raise PageInvalidError("its cursor is not a short text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise PageInvalidError("its cursor is not Unicode") from None
    return value


def _read_repo(entry: object) -> Repo:
    if not isinstance(entry, dict):
        raise InputError(_INVALID, f"a repo is a map; this is {type(entry).__name__}")
    active = fields.optional_boolean(entry, "active", _INVALID)
    return Repo(
        did=fields.did(entry, "did", _INVALID),
        rev=_short_text(entry, "rev") or "",
        status=_short_text(entry, "status"),
        active=active is not False,
    )


def _short_text(entry: dict[str, Any], name: str) -> str | None:
    value = fields.optional(entry, name, str, _INVALID)
    if value is not None and (len(value) > _MAX_WORD or not value.isascii()):
        raise InputError(_INVALID, f"{name}: expected a short text in ASCII")
    return value


def _dumps(entry: object) -> bytes:
    try:
        return json.dumps(entry).encode()
    except RecursionError:
        return b"(nested too deeply)"


def _subject(entry: object) -> str:
    did = entry.get("did") if isinstance(entry, dict) else None
    return ascii(did)[1:-1] if isinstance(did, str) else ""
