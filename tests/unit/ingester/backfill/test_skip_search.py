"""The cursor right behind one repo, found without passing over another."""

from collections.abc import Callable

import pytest

from sluice_ingester.backfill.skip_search import find_cursor_after

BAD = "did:plc:bad"


def found(cursor: str | None, fails: Callable[[str], bool]) -> tuple[str | None, int]:
    """The answer, and how many questions it took."""
    looking = find_cursor_after(cursor, BAD)
    assert looking is not None
    asked = next(looking)
    for questions in range(1, 200):
        try:
            asked = looking.send(fails(asked))
        except StopIteration as end:
            return end.value, questions
    raise AssertionError("it does not end")


@pytest.mark.parametrize("uid", [18, 19, 20, 35, 100_017, 5_000_000_000])
def test_behind_a_uid_whatever_the_gap(uid: int) -> None:
    cursor, questions = found("17", lambda asked: int(asked) < uid)
    assert cursor == str(uid)
    assert questions <= 2 * 34


def test_behind_the_very_first_uid() -> None:
    assert found(None, lambda asked: int(asked) < 5)[0] == "5"


@pytest.mark.parametrize("before", ["did:plc:abc", "did:plc:xyz"])
@pytest.mark.parametrize("created", [1795549765474, 1795549765475, 1795549999999])
def test_behind_a_time_and_a_did(before: str, created: int) -> None:
    """The host gives the first of these that stands behind what it is asked for."""
    start = (1795549765474, before)
    bad = (created, BAD)
    if bad < start:
        bad = (created + 1, BAD)
    accounts = sorted([start, bad, (bad[0], "did:plc:zzz"), (bad[0] + 7, "did:plc:aaa")])

    def fails(asked: str) -> bool:
        millis, _, did = asked.partition("::")
        return next((account for account in accounts if account > (int(millis), did)), None) == bad

    assert found("::".join(map(str, start)), fails)[0] == f"{bad[0]}::{BAD}"


def test_a_host_that_names_it_everywhere() -> None:
    assert found("17", lambda _: True)[0] is None


@pytest.mark.parametrize("cursor", ["AAAB", "17.5", "", "12::handle", "1" * 40])
def test_a_cursor_of_another_form(cursor: str) -> None:
    assert find_cursor_after(cursor, BAD) is None
