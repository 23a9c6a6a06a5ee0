"""The state of a listing: which pages continue it, and which repeat or loop."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice_ingester.backfill.listing_state import (
    CONFIRMING_ANSWERS,
    CURSORS_REMEMBERED,
    PAGES_REMEMBERED,
    ListingState,
)
from sluice_ingester.sources.failure import SourceError
from sluice_wire.repo_page import MAX_LIMIT, Repo, RepoPage


def page(cursor: str | None, *numbers: int) -> RepoPage:
    repos = tuple(Repo(did=f"did:plc:{number}", rev="", status=None, active=True) for number in numbers)
    return RepoPage(cursor=cursor, repos=repos, dead_letters=())


def take(pages: ListingState, page: RepoPage) -> list[str]:
    return [repo.did.removeprefix("did:plc:") for repo in pages.accept(page).repos]


def kind(pages: ListingState, page: RepoPage) -> str:
    with pytest.raises(SourceError) as caught:
        pages.accept(page)
    return caught.value.failure.kind


def test_a_listing_to_its_end() -> None:
    pages = ListingState(None)
    assert take(pages, page("2", 1, 2)) == ["1", "2"]
    assert take(pages, page("3", 3)) == ["3"]
    assert take(pages, page(None)) == []


def test_an_answer_with_the_requested_cursor_is_a_loop() -> None:
    pages = ListingState("2")
    assert kind(pages, page("2", 3, 4)) == "CursorLoop"
    assert take(pages, page("4", 3, 4)) == ["3", "4"]


def test_a_recent_cursor_is_a_loop() -> None:
    pages = ListingState(None)
    for number in range(CURSORS_REMEMBERED):
        take(pages, page(str(number), number))
    assert kind(pages, page("0", -1)) == "CursorLoop"


def test_a_page_that_arrived_before_is_a_repeat() -> None:
    pages = ListingState(None)
    take(pages, page("2", 1, 2))
    take(pages, page("4", 3, 4))
    assert kind(pages, page("5", 1, 2)) == "PageRepeated"
    assert take(pages, page("6", 5, 6)) == ["5", "6"]


def test_repos_on_overlapping_pages_are_taken_once() -> None:
    pages = ListingState(None)
    take(pages, page("2", 1, 2))
    assert take(pages, page("3", 2, 3)) == ["3"]
    assert take(pages, page(None, 3)) == []


def test_only_recent_pages_are_remembered() -> None:
    pages = ListingState(None)
    for number in range(PAGES_REMEMBERED + 1):
        take(pages, page(str(number), number))
    assert take(pages, page("new", 0)) == ["0"]


def test_the_page_limit_shrinks_to_one_repo_and_grows_again() -> None:
    pages = ListingState(None)
    limits = []
    while pages.limit > 1:
        pages.shrink_limit()
        limits.append(pages.limit)
    assert limits == [500, 250, 125, 62, 31, 15, 7, 3, 1]
    pages.shrink_limit()
    assert pages.limit == 1
    for number in range(11):
        take(pages, page(str(number), number))
    assert pages.limit == MAX_LIMIT


def repeat_until_confirmed(pages: ListingState, page: RepoPage, word: str) -> None:
    """Answer so as often as the listing still treats the answer as a fault."""
    for _ in range(CONFIRMING_ANSWERS - 1):
        assert kind(pages, page) == word


def test_an_empty_page_with_a_cursor_is_not_the_end() -> None:
    pages = ListingState(None)
    take(pages, page("2", 1, 2))
    assert pages.accept(page("4")).cursor == "4"
    assert pages.accept(page("6")).cursor == "6"
    assert pages.accept(page(None, 7)).cursor is None


def test_a_last_page_with_its_own_cursor_is_the_end() -> None:
    pages = ListingState(None)
    take(pages, page("3", 1, 2, 3))
    end = pages.accept(page("3", 3))
    assert (end.cursor, end.repos) == (None, ())


def test_a_full_page_with_its_own_cursor_is_not_the_end() -> None:
    """A host whose cursors are inclusive returns the same repo again if asked for one repo."""
    pages = ListingState(None)
    take(pages, page("3", 1, 2, 3))
    while pages.limit > 1:
        pages.shrink_limit()
    assert kind(pages, page("3", 3)) == "CursorLoop"
    assert pages.limit == 2
    assert take(pages, page("4", 3, 4)) == ["4"]


@pytest.mark.parametrize("repos", [(), (1,), (1, 2)])
def test_a_small_page_with_its_own_cursor_is_the_end_once_confirmed(repos: tuple[int, ...]) -> None:
    pages = ListingState(None)
    take(pages, page("2", *repos))
    repeat_until_confirmed(pages, page("2", *repos), "CursorLoop")
    assert pages.accept(page("2", *repos)).cursor is None


def test_after_a_restart_the_last_page_is_taken_once_more() -> None:
    pages = ListingState("2")
    repeat_until_confirmed(pages, page("2", 2), "CursorLoop")
    assert pages.accept(page("2", 2)) == page("2", 2)
    assert pages.accept(page("2", 2)).cursor is None


def test_a_large_page_with_its_own_cursor_is_always_a_loop() -> None:
    pages = ListingState(None)
    large = tuple(range(500))
    take(pages, page("500", *large))
    for _ in range(20):
        assert kind(pages, page("500", *large)) == "CursorLoop"
    assert take(pages, page("1000", *range(500, 1000))) == [str(number) for number in range(500, 1000)]


def test_new_repos_on_a_page_with_an_old_cursor_are_taken() -> None:
    pages = ListingState(None)
    take(pages, page("a", 1))
    take(pages, page("b", 2))
    repeat_until_confirmed(pages, page("a", 3), "CursorLoop")
    taken = pages.accept(page("a", 3))
    assert (taken.cursor, [repo.did for repo in taken.repos]) == ("b", ["did:plc:3"])
    for _ in range(20):
        assert kind(pages, page("a", 3)) == "CursorLoop"  # two cursors in turn: the end is unknown
    assert take(pages, page("c", 4)) == ["4"]


def test_the_cursor_of_a_repeated_page_is_followed_once_confirmed() -> None:
    pages = ListingState(None)
    take(pages, page("2", 1, 2))
    take(pages, page("4", 3, 4))
    repeat_until_confirmed(pages, page("5", 3, 4), "PageRepeated")
    taken = pages.accept(page("5", 3, 4))
    assert (taken.cursor, taken.repos) == ("5", ())
    assert take(pages, page("6", 5)) == ["5"]


def test_another_answer_restarts_the_confirmation() -> None:
    pages = ListingState("2")
    repeat_until_confirmed(pages, page("2", 3), "CursorLoop")
    assert kind(pages, page("2", 4)) == "CursorLoop"
    repeat_until_confirmed(pages, page("2", 3), "CursorLoop")


LISTINGS = st.lists(st.integers(0, 4), max_size=12)
FAULTS = st.lists(st.sampled_from(["", "", "before", "loop", "empty"]), max_size=40)


@given(LISTINGS, st.booleans(), FAULTS)
def test_each_repo_of_any_listing_is_stored_once(sizes: list[int], inclusive: bool, faults: list[str]) -> None:  # noqa: FBT001
    """Pages have any size. The faults are temporary."""
    honest: dict[str | None, RepoPage] = {}
    number, asked = 0, None
    for place, size in enumerate([*sizes, 1]):
        first = number if not inclusive or size == 0 or number == 0 else number - 1
        following = None if place == len(sizes) else f"c{place}"
        honest[asked] = page(following, *range(first, number + size))
        number, asked = number + size, following
    pages, before, waiting = ListingState(None), page(None), 0
    stored: Counter[str] = Counter()
    for _ in range(10 * len(honest) + len(faults) + 10):
        good = honest[pages.cursor]
        fault = faults.pop() if faults and waiting < CONFIRMING_ANSWERS - 1 and pages.cursor is not None else ""
        looped = page(pages.cursor) if inclusive else replace(good, cursor=pages.cursor)
        answer = {"": good, "before": before, "empty": page(pages.cursor), "loop": looped}[fault]
        try:
            taken = pages.accept(answer)
        except SourceError:
            waiting += 1
            continue
        waiting = 0
        before = answer
        stored.update(repo.did for repo in taken.repos)
        if taken.cursor is None:
            break
    else:
        pytest.fail("it does not end")
    assert stored == Counter(f"did:plc:{each}" for each in range(number))
