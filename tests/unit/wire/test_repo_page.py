"""Pages of com.atproto.sync.listRepos, valid and invalid."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_wire.deadletter import DeadLetterReason
from sluice_wire.repo_page import PageInvalidError, Repo, did_in_message, parse_page

ALICE = {"did": "did:plc:alice", "head": "bafyx", "rev": "3l4", "active": True}

RESERVED = "!ingester-done"


def page(*repos: object, **more: object) -> bytes:
    return json.dumps({"repos": list(repos), **more}).encode()


def test_an_entry_has_the_json_of_the_rust_ingester() -> None:
    found = parse_page(page(ALICE, cursor="17"))
    assert found.cursor == "17"
    assert found.repos[0].event(origin="https://relay.example") == (
        b'{"did":"did:plc:alice","host":"https://relay.example","rev":"3l4","status":null,"active":true}'
    )


@pytest.mark.parametrize(
    ("entry", "repo"),
    [
        (ALICE | {"head": "", "rev": ""}, Repo(did="did:plc:alice", rev="", status=None, active=True)),
        ({"did": "did:web:pds.example"}, Repo(did="did:web:pds.example", rev="", status=None, active=True)),
        (
            ALICE | {"active": False, "status": "takendown", "what": ["else"]},
            Repo(did="did:plc:alice", rev="3l4", status="takendown", active=False),
        ),
    ],
)
def test_optional_fields_of_an_entry(entry: object, repo: Repo) -> None:
    assert parse_page(page(entry)).repos == (repo,)


@pytest.mark.parametrize(
    "entry", [7, None, {"did": "alice"}, {"rev": "3l4"}, ALICE | {"rev": 7}, ALICE | {"status": "a" * 300}]
)
def test_an_invalid_entry_loses_no_other(entry: object) -> None:
    found = parse_page(page(entry, ALICE, cursor="1"))
    assert [repo.did for repo in found.repos] == ["did:plc:alice"]
    assert [letter.reason for letter in found.dead_letters] == [DeadLetterReason.REPO_INVALID]
    assert json.loads(found.dead_letters[0].payload) == entry


@pytest.mark.parametrize(
    "body",
    [page(ALICE), page(ALICE, cursor=""), page(ALICE, cursor=None), page(), b'{"repos":null}', b'{"cursor":""}', b"{}"],
)
def test_a_page_without_a_cursor_is_the_end(body: bytes) -> None:
    assert parse_page(body).cursor is None


@pytest.mark.parametrize("body", [page(cursor="9"), b'{"repos":null,"cursor":"9"}', b'{"cursor":"9"}', page(cursor=9)])
def test_an_empty_page_with_a_cursor_is_not_the_end(body: bytes) -> None:
    assert (parse_page(body).cursor, parse_page(body).repos) == ("9", ())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>502</html>",
        b"[]",
        b'{"repos": {}}',
        b'{"error":"InternalServerError","message":"no"}',
        b'{"error":"InternalServerError","repos":null,"cursor":null}',
        b'{"status":"ok"}',
        b"null",
        b'"repos"',
        b"[" * 100_000,
        page(ALICE, cursor=True),
        page(ALICE, cursor=7.5),
        page(ALICE, cursor=["7"]),
        page(ALICE, cursor="x" * 3000),
        page(ALICE, cursor=RESERVED),
        b'{"repos":[{"did":"did:plc:a"}],"cursor":"\\ud800"}',
    ],
)
def test_invalid_pages(body: bytes) -> None:
    with pytest.raises(PageInvalidError):
        parse_page(body, reserved_cursors={RESERVED})


@given(st.binary() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(lambda v: page(v, cursor="1")))
def test_any_bytes_are_parsed_or_invalid(body: bytes) -> None:
    try:
        found = parse_page(body)
    except PageInvalidError:
        return
    for repo in found.repos:
        repo.event(origin="https://relay.example")


@pytest.mark.parametrize(
    ("message", "did"),
    [
        ("failed to get repo root for (did:plc:r47i): repository state not available", "did:plc:r47i"),
        ("did:plc:r47i: and did:plc:r47i. again", "did:plc:r47i"),
        ("did:plc:one and did:plc:other", None),
        ("DatabaseError", None),
    ],
)
def test_the_did_in_an_error_message(message: str, did: str | None) -> None:
    assert did_in_message(message) == did
