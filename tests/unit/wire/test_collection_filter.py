"""The collection filter: patterns, and the errors of invalid ones."""

import pytest

from sluice_wire.collection_filter import CollectionFilter
from tests.unit.wire.published import lines


def test_patterns_match_exactly_by_prefix_or_everything() -> None:
    some = CollectionFilter(["app.bsky.feed.post", "chat.bsky.*"])
    assert some.accepts("app.bsky.feed.post")
    assert some.accepts("chat.bsky.actor.declaration")
    assert not some.accepts("app.bsky.feed.postgate")
    assert not some.accepts("app.bsky.feed")
    assert not some.accepts("chat.bskyish.actor")
    assert not some.accepts("chat.bsky")
    assert not some.accepts("")
    assert CollectionFilter(["app.bsky.feed.post", "*"]).accepts("anything at all")


@pytest.mark.parametrize("nsid", lines("syntax/nsid_syntax_valid.txt"))
def test_every_nsid_is_a_pattern(nsid: str) -> None:
    assert CollectionFilter([nsid]).accepts(nsid)
    assert CollectionFilter([nsid.rpartition(".")[0] + ".*"]).accepts(nsid)


@pytest.mark.parametrize(
    "pattern",
    [
        *(line for line in lines("syntax/nsid_syntax_invalid.txt") if not line.endswith(".foo.*")),
        *("", ".", "**", ".*", "app.bsky*", "app.*.post", "*.post", "app..*", "app.bsky.feed.post,x", "-a.*"),
    ],
)
def test_the_error_names_an_invalid_pattern(pattern: str) -> None:
    with pytest.raises(ValueError, match="is no collection pattern") as caught:
        CollectionFilter(["app.bsky.*", pattern])
    assert repr(pattern) in str(caught.value)


def test_a_filter_without_patterns_is_refused() -> None:
    with pytest.raises(ValueError, match="no collection is named"):
        CollectionFilter([])
