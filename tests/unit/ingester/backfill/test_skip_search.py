"""The skip search: the cursor right behind one repo, which skips no other."""

from collections.abc import Callable

import pytest

from sluice_ingester.backfill.skip_search import find_cursor_after

BAD = "did:plc:bad"


def found(cursor: str | None, fails: Callable[[str], bool]) -> tuple[str | None, int]:
    """The cursor found, and how many requests it took."""
    search = find_cursor_after(cursor, BAD)
    assert search is not None
    asked = next(search)
    for requests in range(1, 200):
        try:
            asked = search.send(fails(asked))
        except StopIteration as end:
            return end.value, requests
    raise AssertionError("it does not end")


@pytest.mark.parametrize("uid", [18, 19, 20, 35, 100_017, 5_000_000_000])
def test_a_cursor_behind_a_uid_with_any_gap(uid: int) -> None:
    cursor, requests = found("17", lambda asked: int(asked) < uid)
    assert cursor == str(uid)
    assert requests <= 2 * 34


def test_a_cursor_behind_the_first_uid() -> None:
    assert found(None, lambda asked: int(asked) < 5)[0] == "5"


@pytest.mark.parametrize("before", ["did:plc:abc", "did:plc:xyz"])
@pytest.mark.parametrize("created", [1795549765474, 1795549765475, 1795549999999])
def test_a_cursor_behind_a_time_and_a_did(before: str, created: int) -> None:
    """The host returns the first of these accounts behind the requested cursor."""
    start = (1795549765474, before)
    bad = (created, BAD)
    if bad < start:
        bad = (created + 1, BAD)
    accounts = sorted([start, bad, (bad[0], "did:plc:zzz"), (bad[0] + 7, "did:plc:aaa")])

    def fails(asked: str) -> bool:
        millis, _, did = asked.partition("::")
        return next((account for account in accounts if account > (int(millis), did)), None) == bad

    assert found("::".join(map(str, start)), fails)[0] == f"{bad[0]}::{BAD}"


def test_no_cursor_is_found_when_every_request_fails() -> None:
    assert found("17", lambda _: True)[0] is None


@pytest.mark.parametrize("cursor", ["AAAB", "17.5", "", "12::handle", "1" * 40])
def test_no_search_for_a_cursor_of_an_unknown_form(cursor: str) -> None:
    assert find_cursor_after(cursor, BAD) is None
