"""Which of several sources owns a cursor."""

from dataclasses import replace
from itertools import permutations

import pytest

from sluice_operator.desired.cursor_claim import CursorClaim, claim_rank, find_prior_owner
from sluice_operator.desired.redis_identity import RedisIdentity

HERE = RedisIdentity(hosts=frozenset({("redis", 6379)}))
THERE = RedisIdentity(hosts=frozenset({("redis", 6380)}))


def claim(name: str, created: int = 0, *, place: RedisIdentity | None = HERE, digest: str | None = None) -> CursorClaim:
    rank = (f"2026-11-25T00:00:{created:02}Z", "default", name, "Relay")
    return CursorClaim(name=f"Relay default/{name}", rank=rank, redis=place, url_hash=digest)


def owner(mine: CursorClaim, *others: CursorClaim, claims: bool = True, assume_same: bool = False) -> str | None:
    found = find_prior_owner(mine, others, is_claimed=claims, assume_same_redis=assume_same)
    return found.name if found else None


def test_the_oldest_source_owns_the_cursor_in_any_order() -> None:
    for a, b, c in permutations([claim("a", 2), claim("b", 1), claim("c", 3)]):
        found = {one.name: owner(one, *others) for one, others in [(a, (b, c)), (b, (a, c)), (c, (a, b))]}
        assert found == {
            "Relay default/a": "Relay default/b",
            "Relay default/b": None,
            "Relay default/c": "Relay default/b",
        }


def test_of_two_sources_of_one_second_the_first_name_owns_the_cursor() -> None:
    assert owner(claim("b"), claim("a")) == "Relay default/a"
    assert owner(claim("a"), claim("b")) is None


def test_sources_with_different_redis_do_not_conflict() -> None:
    assert owner(claim("b", 1), claim("a", place=THERE)) is None


def test_overlapping_lists_of_sentinels_conflict() -> None:
    """Two lists without a common address do not conflict with each other, but both with a list that overlaps both."""
    one, both, two = (replace(HERE, hosts=frozenset((name, 1) for name in names)) for names in ("x", "xy", "y"))
    a, b, c = claim("a", 1, place=one), claim("b", 2, place=both), claim("c", 3, place=two)
    assert owner(a, b, c) is None
    assert owner(b, a, c) == a.name
    assert owner(c, a, b) == b.name


@pytest.mark.parametrize("assume_same", [False, True])
def test_without_a_url_its_hash_decides_and_else_assume_same_redis(*, assume_same: bool) -> None:
    lost = claim("a", place=None, digest="same")
    assert owner(claim("b", 1, digest="same"), lost, assume_same=assume_same) == lost.name
    assert owner(claim("b", 1, digest="other"), lost, assume_same=assume_same) == (lost.name if assume_same else None)
    assert owner(claim("b", 1, digest="other"), replace(lost, url_hash=None), assume_same=assume_same) == (
        lost.name if assume_same else None
    )
    younger = claim("c", 2, place=None)
    assert owner(claim("b", 1, digest="other"), younger, assume_same=assume_same) is None


def test_a_stream_that_is_not_enabled_does_not_own_the_cursor() -> None:
    assert owner(claim("a"), claim("b", 1)) is None
    assert owner(claim("a"), claim("b", 1), claims=False) == "Relay default/b"
    assert owner(claim("a"), claims=False) is None


def test_a_terminating_owner_is_named_only_if_there_is_no_other() -> None:
    terminating, staying, mine = replace(claim("a"), is_terminating=True), claim("b", 1), claim("c", 2)
    assert owner(mine, terminating, staying) == staying.name
    assert owner(mine, terminating) == owner(staying, terminating) == terminating.name


def test_ranks_sort_by_age_then_name() -> None:
    def body(created: str, namespace: str, name: str, kind: str = "Relay") -> dict[str, object]:
        return {"kind": kind, "metadata": {"creationTimestamp": created, "namespace": namespace, "name": name}}

    bodies = [
        body("2026-01-31T23:59:59Z", "z", "z"),
        body("2026-02-01T00:00:00Z", "a", "b", "Labeler"),
        body("2026-02-01T00:00:00Z", "a", "b", "Relay"),
        body("2026-02-01T00:00:00Z", "b", "a"),
        body("2026-10-01T00:00:00Z", "a", "a"),
    ]
    assert all(sorted(order, key=claim_rank) == bodies for order in permutations(bodies))
