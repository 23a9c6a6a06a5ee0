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

from sluice_operator.desired.redis_identity import Place

Rank: TypeAlias = tuple[str, str, str, str]
"""Sorts resources, the oldest first: the time of creation has whole seconds, so names decide between equals."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """One resource's claim to a cursor."""

    name: str
    """The resource in words, such as `Relay default/us-east`."""
    rank: Rank
    place: Place | None
    """None if the URL of its Redis is not known."""
    digest: str | None
    """Of the URL that it has, or that its pods were started with; see `redis.redis_hash`."""
    leaves: bool = False
    """Whether the resource is on its way out, so that its claim will come to an end by itself."""
    unseen: bool = False
    """Whether nobody sees if the resource is still there, so that its claim may have no end."""

    def conflicts(self, other: "Claim") -> bool | None:
        """Whether both are to the same Redis; None if that can't be told."""
        if self.place is not None and other.place is not None:
            return self.place.is_same(other.place)
        if self.digest is not None and self.digest == other.digest:
            return True
        return None


def rank_of(source: Mapping[str, Any]) -> Rank:
    """The rank of a source's object."""
    metadata = source["metadata"]
    created = metadata.get("creationTimestamp") or ""  # RFC 3339 in UTC: in the order of the alphabet
    return created, metadata["namespace"], metadata["name"], source["kind"]


def owner_of(mine: Claim, others: Iterable[Claim], *, claims: bool, in_doubt: bool = False) -> Claim | None:
    """The claim that goes before `mine` to the same cursor, or None if there is none: the oldest, or of those that
    stay the oldest.

    `claims` tells whether mine is one at all: else any other goes before it. `in_doubt` is what a Redis that is
    not known counts as: as another, or as the same where something is to be deleted.
    """
    before = [other for other in others if not claims or other.rank < mine.rank]
    same = [other for other in before if (mine.conflicts(other) or (in_doubt and mine.conflicts(other) is None))]
    return min(same, key=lambda claim: (claim.leaves, claim.rank), default=None)
