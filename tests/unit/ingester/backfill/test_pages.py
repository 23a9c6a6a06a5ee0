"""Which pages lead on, and which come round again."""

import pytest

from sluice_ingester.pages import CURSORS_REMEMBERED, PAGES_REMEMBERED, Pages
from sluice_ingester.sources.failure import SourceError
from sluice_ingester.wire.listing import MAX_LIMIT, Page, Repo


def page(cursor: str | None, *numbers: int) -> Page:
    repos = tuple(Repo(did=f"did:plc:{number}", rev="", status=None, active=True) for number in numbers)
    return Page(cursor=cursor, repos=repos, dead=())


def take(pages: Pages, page: Page) -> list[str]:
    fresh = pages.fresh(page)
    pages.taken(page)
    return [repo.did.removeprefix("did:plc:") for repo in fresh]


def kind(pages: Pages, page: Page) -> str:
    with pytest.raises(SourceError) as caught:
        pages.fresh(page)
    return caught.value.failure.kind


def test_a_walk_to_the_end() -> None:
    pages = Pages(None)
    assert take(pages, page("2", 1, 2)) == ["1", "2"]
    assert take(pages, page("3", 3)) == ["3"]
    assert take(pages, page(None)) == []


def test_the_cursor_that_was_asked_with_is_a_loop() -> None:
    pages = Pages("2")
    assert kind(pages, page("2", 3, 4)) == "CursorLoop"
    assert take(pages, page("4", 3, 4)) == ["3", "4"]


def test_a_cursor_of_late_is_a_loop() -> None:
    pages = Pages(None)
    for number in range(CURSORS_REMEMBERED):
        take(pages, page(str(number), number))
    assert kind(pages, page("0", -1)) == "CursorLoop"


def test_a_page_that_came_before_is_not_taken_for_a_new_one() -> None:
    pages = Pages(None)
    take(pages, page("2", 1, 2))
    take(pages, page("4", 3, 4))
    assert kind(pages, page("5", 1, 2)) == "PageRepeated"
    assert take(pages, page("6", 5, 6)) == ["5", "6"]


def test_what_overlaps_is_taken_once() -> None:
    pages = Pages(None)
    take(pages, page("2", 1, 2))
    assert take(pages, page("3", 2, 3)) == ["3"]
    assert take(pages, page(None, 3)) == []


def test_memory_is_bounded() -> None:
    pages = Pages(None)
    for number in range(PAGES_REMEMBERED + 1):
        take(pages, page(str(number), number))
    assert pages.fresh(page("new", 0))


def test_a_page_narrows_to_one_repo_and_widens_again() -> None:
    pages = Pages(None)
    limits = []
    while pages.limit > 1:
        pages.narrow()
        limits.append(pages.limit)
    assert limits == [500, 250, 125, 62, 31, 15, 7, 3, 1]
    pages.narrow()
    assert pages.limit == 1
    for number in range(11):
        take(pages, page(str(number), number))
    assert pages.limit == MAX_LIMIT
