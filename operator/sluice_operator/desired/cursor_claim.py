"""Which of several resources a cursor belongs to. Pure.

Two ingesters with one cursor only fence each other. So of all that would write the same cursor (same stream,
same host, same keys in the same Redis) the oldest does, and the others wait. The order depends on nothing but
the resources themselves, so it doesn't matter which is looked at first, or whether the operator was restarted.

A suspended resource still owns its cursor, since it means to go on from there; so does one that is being
deleted, until it is gone: its ingester may still be writing. A stream that its resource doesn't enable claims
nothing. One that nobody sees any more keeps what it had when it was last seen, for its ingester may run on.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from sluice_operator.desired.redis_identity import RedisIdentity

ClaimRank: TypeAlias = tuple[str, str, str, str]
"""Sorts resources, the oldest first: the time of creation has whole seconds, so names decide between equals."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CursorClaim:
    """One resource's claim to a cursor."""

    name: str
    """The resource in words, such as `Relay default/us-east`."""
    rank: ClaimRank
    redis: RedisIdentity | None
    """None if the URL of its Redis is not known."""
    url_hash: str | None
    """Of the URL that it has, or that its pods were started with; see `redis.redis_hash`."""
    is_terminating: bool = False
    """Whether the resource is on its way out, so that its claim will come to an end by itself."""
    is_unobserved: bool = False
    """Whether nobody sees if the resource is still there, so that its claim may have no end."""

    def is_same_redis(self, other: "CursorClaim") -> bool | None:
        """Whether both are to the same Redis; None if that can't be told."""
        if self.redis is not None and other.redis is not None:
            return self.redis.is_same(other.redis)
        if self.url_hash is not None and self.url_hash == other.url_hash:
            return True
        return None


def claim_rank(source: Mapping[str, Any]) -> ClaimRank:
    """The rank of a source's object."""
    metadata = source["metadata"]
    created = metadata.get("creationTimestamp") or ""  # RFC 3339 in UTC: in the order of the alphabet
    return created, metadata["namespace"], metadata["name"], source["kind"]


def find_prior_owner(
    claim: CursorClaim, others: Iterable[CursorClaim], *, is_claimed: bool, assume_same_redis: bool = False
) -> CursorClaim | None:
    """The claim that goes before `mine` to the same cursor, or None if there is none: the oldest, or of those that
    stay the oldest.

    `claims` tells whether mine is one at all: else any other goes before it. `in_doubt` is what a Redis that is
    not known counts as: as another, or as the same where something is to be deleted.
    """
    before = [other for other in others if not is_claimed or other.rank < claim.rank]
    same = [
        other
        for other in before
        if (claim.is_same_redis(other) or (assume_same_redis and claim.is_same_redis(other) is None))
    ]
    return min(same, key=lambda claim: (claim.is_terminating, claim.rank), default=None)
