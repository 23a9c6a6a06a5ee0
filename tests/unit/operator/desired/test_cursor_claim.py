"""To which of several resources a cursor belongs."""

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


def owner(mine: CursorClaim, *others: CursorClaim, claims: bool = True, in_doubt: bool = False) -> str | None:
    found = find_prior_owner(mine, others, is_claimed=claims, assume_same_redis=in_doubt)
    return found.name if found else None


def test_the_oldest_owns_and_the_others_name_it_in_whatever_order_they_are_seen() -> None:
    for a, b, c in permutations([claim("a", 2), claim("b", 1), claim("c", 3)]):
        found = {one.name: owner(one, *others) for one, others in [(a, (b, c)), (b, (a, c)), (c, (a, b))]}
        assert found == {
            "Relay default/a": "Relay default/b",
            "Relay default/b": None,
            "Relay default/c": "Relay default/b",
        }


def test_names_decide_within_one_second() -> None:
    assert owner(claim("b"), claim("a")) == "Relay default/a"
    assert owner(claim("a"), claim("b")) is None


def test_another_redis_is_no_conflict() -> None:
    assert owner(claim("b", 1), claim("a", place=THERE)) is None


def test_exactly_one_of_a_chain_of_sentinels_that_overlap_runs_without_doubt() -> None:
    """Two that share no address can't be told to be one: each conflicts with the one between them."""
    one, both, two = (replace(HERE, hosts=frozenset((name, 1) for name in names)) for names in ("x", "xy", "y"))
    a, b, c = claim("a", 1, place=one), claim("b", 2, place=both), claim("c", 3, place=two)
    assert owner(a, b, c) is None
    assert owner(b, a, c) == a.name
    assert owner(c, a, b) == b.name


@pytest.mark.parametrize("in_doubt", [False, True])
def test_where_a_url_is_not_known_its_hash_tells_and_else_the_doubt(*, in_doubt: bool) -> None:
    lost = claim("a", place=None, digest="same")
    assert owner(claim("b", 1, digest="same"), lost, in_doubt=in_doubt) == lost.name
    assert owner(claim("b", 1, digest="other"), lost, in_doubt=in_doubt) == (lost.name if in_doubt else None)
    assert owner(claim("b", 1, digest="other"), replace(lost, url_hash=None), in_doubt=in_doubt) == (
        lost.name if in_doubt else None
    )
    younger = claim("c", 2, place=None)
    assert owner(claim("b", 1, digest="other"), younger, in_doubt=in_doubt) is None


def test_a_stream_that_is_not_enabled_yields_to_younger_ones() -> None:
    assert owner(claim("a"), claim("b", 1)) is None
    assert owner(claim("a"), claim("b", 1), claims=False) == "Relay default/b"
    assert owner(claim("a"), claims=False) is None


def test_one_that_stays_is_named_before_one_that_leaves() -> None:
    leaving, staying, mine = replace(claim("a"), is_terminating=True), claim("b", 1), claim("c", 2)
    assert owner(mine, leaving, staying) == staying.name
    assert owner(mine, leaving) == owner(staying, leaving) == leaving.name


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
