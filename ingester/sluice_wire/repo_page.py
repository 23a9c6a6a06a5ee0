"""Parsing a page of com.atproto.sync.listRepos, a host's listing of repositories.

https://docs.bsky.app/docs/api/com-atproto-sync-list-repos

- Parsing is lenient. `head` and `rev` may be empty, and `active` may be absent. An entry without a valid DID becomes a
  dead letter.
- A listing ends with a page without a cursor: null, absent or empty. The repositories on a page say nothing about the
  end. `repos` may be empty, null or absent on any page.
- JSON that contains something else, such as an error, is not a page.
"""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from sluice_wire import fields
from sluice_wire.deadletter import DeadLetter, DeadLetterReason, InputError

NSID: Final = "com.atproto.sync.listRepos"
MAX_LIMIT: Final = 1000
"""The most entries of a page, by the lexicon."""

_MAX_CURSOR: Final = 2048
_MAX_WORD: Final = 256
_DID: Final = re.compile(r"did:[a-z]+:[a-zA-Z0-9._:%-]*[a-zA-Z0-9_-]")
_INVALID: Final = DeadLetterReason.REPO_INVALID


class PageInvalidError(ValueError):
    """The body is not a page of a listing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repo:
    """One entry. `rev` is empty if the host does not know it."""

    did: str
    rev: str
    status: str | None
    active: bool

    def event(self, *, origin: str) -> bytes:
        """The JSON of a stream entry. `origin` is the listing host with its scheme."""
        entry = {"did": self.did, "host": origin, "rev": self.rev, "status": self.status, "active": self.active}
        return json.dumps(entry, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class RepoPage:
    """A page. `cursor` is None only on the last one."""

    cursor: str | None
    repos: tuple[Repo, ...]
    dead_letters: tuple[DeadLetter, ...]


def parse_page(body: bytes, *, reserved_cursors: Collection[str] = ()) -> RepoPage:
    """The page in `body`. PageInvalidError, and nothing else, if it is not one.

    `reserved_cursors` are cursor values with a special meaning, which a page must not contain.
    """
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
        except InputError as error:
            dead.append(DeadLetter.from_error(error, payload=_dumps(entry), seq=None, detail=_subject(entry)))
        else:
            repos.setdefault(repo.did, repo)
    return RepoPage(
        cursor=_read_cursor(page.get("cursor"), reserved_cursors), repos=tuple(repos.values()), dead_letters=tuple(dead)
    )


def did_in_message(message: str) -> str | None:
    """The DID in an error message. None if there is none, or several."""
    found = set(_DID.findall(message))
    return found.pop() if len(found) == 1 else None


def _check_is_page(page: dict[str, Any]) -> None:
    """Without repositories, other keys must show that it is a page: an error must not end a listing."""
    if page and ("error" in page or page.keys().isdisjoint({"repos", "cursor"})):
        raise PageInvalidError(f"no repos and no cursor, but {', '.join(sorted(page))[:100]}")


def _read_cursor(value: object, reserved: Collection[str]) -> str | None:
    if value is None or value == "":
        return None
    if type(value) is int:  # some hosts do not quote their numbers
        value = str(value)
    if not isinstance(value, str) or len(value) > _MAX_CURSOR or value in reserved:
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
