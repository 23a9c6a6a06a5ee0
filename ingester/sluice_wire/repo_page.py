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
from sluice_wire.deadletter import DeadLetter, InputError, Reason

NSID: Final = "com.atproto.sync.listRepos"
MAX_LIMIT: Final = 1000
"""Entries of a page: the lexicon's maximum."""

_MAX_CURSOR: Final = 2048
_MAX_WORD: Final = 256
_DID: Final = re.compile(r"did:[a-z]+:[a-zA-Z0-9._:%-]*[a-zA-Z0-9_-]")
_BAD: Final = Reason.REPO_INVALID


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
class Page:
    """A page; `cursor` is None on the last one, and only there."""

    cursor: str | None
    repos: tuple[Repo, ...]
    dead: tuple[DeadLetter, ...]


def parse(body: bytes) -> Page:
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
            repo = _repo(entry)
        except InputError as fault:
            dead.append(DeadLetter.of(fault, payload=_shown(entry), seq=None, detail=_subject(entry)))
        else:
            repos.setdefault(repo.did, repo)
    return Page(cursor=_cursor(page.get("cursor")), repos=tuple(repos.values()), dead=tuple(dead))


def named(message: str) -> str | None:
    """The DID that an error message is about, None if it names none or several."""
    found = set(_DID.findall(message))
    return found.pop() if len(found) == 1 else None


def _check_is_page(page: dict[str, Any]) -> None:
    """Without repos it must be a page by all else: what may be an error must not be the end of a listing."""
    if page and ("error" in page or page.keys().isdisjoint({"repos", "cursor"})):
        raise PageInvalidError(f"no repos and no cursor, but {', '.join(sorted(page))[:100]}")


def _cursor(value: object) -> str | None:
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


def _repo(entry: object) -> Repo:
    if not isinstance(entry, dict):
        raise InputError(_BAD, f"a repo is a map; this is {type(entry).__name__}")
    active = fields.flag(entry, "active", _BAD)
    return Repo(
        did=fields.did(entry, "did", _BAD),
        rev=_word(entry, "rev") or "",
        status=_word(entry, "status"),
        active=active is not False,
    )


def _word(entry: dict[str, Any], name: str) -> str | None:
    value = fields.optional(entry, name, str, _BAD)
    if value is not None and (len(value) > _MAX_WORD or not value.isascii()):
        raise InputError(_BAD, f"{name}: expected a short text in ASCII")
    return value


def _shown(entry: object) -> bytes:
    try:
        return json.dumps(entry).encode()
    except RecursionError:
        return b"(nested too deeply)"


def _subject(entry: object) -> str:
    did = entry.get("did") if isinstance(entry, dict) else None
    return ascii(did)[1:-1] if isinstance(did, str) else ""
