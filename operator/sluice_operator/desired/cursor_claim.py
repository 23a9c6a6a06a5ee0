"""Decides to which of several resources a cursor belongs. Pure.

Two ingesters with one cursor would fence each other. Resources have the same cursor if stream, host, Redis and keys are
the same. Then the oldest resource writes, and the others wait. The order depends only on the resources, not on which
one is reconciled first, or on restarts of the operator.

- A suspended resource still owns its cursor, because it will continue from there.
- A resource that is being deleted owns it until the deletion ends, because its ingester may still write.
- A stream that its resource does not enable claims no cursor.
- A resource that the operator can no longer see keeps its claim, because its ingester may still run.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from sluice_operator.desired.redis_identity import RedisIdentity

ClaimRank: TypeAlias = tuple[str, str, str, str]
"""Sorts resources, the oldest first. The time of creation has whole seconds, so names decide between equals."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CursorClaim:
    """The claim of one resource to a cursor."""

    name: str
    """The resource for messages, such as `Relay default/us-east`."""
    rank: ClaimRank
    redis: RedisIdentity | None
    """None if the URL of its Redis is unknown."""
    url_hash: str | None
    """Hash of the URL that the source has, or that its pods started with: see `redis_secret.redis_url_hash`."""
    is_terminating: bool = False
    """Whether the resource is being deleted, so that its claim will end."""
    is_unobserved: bool = False
    """Whether the operator can't see if the resource still exists, so that its claim may never end."""

    def is_same_redis(self, other: "CursorClaim") -> bool | None:
        """Whether both claims are for the same Redis, or None if that is unknown."""
        if self.redis is not None and other.redis is not None:
            return self.redis.is_same(other.redis)
        if self.url_hash is not None and self.url_hash == other.url_hash:
            return True
        return None


def claim_rank(source: Mapping[str, Any]) -> ClaimRank:
    """The rank of a source's object."""
    metadata = source["metadata"]
    created = metadata.get("creationTimestamp") or ""  # RFC 3339 in UTC sorts as text
    return created, metadata["namespace"], metadata["name"], source["kind"]


def find_prior_owner(
    claim: CursorClaim, others: Iterable[CursorClaim], *, is_claimed: bool, assume_same_redis: bool = False
) -> CursorClaim | None:
    """The claim to the same cursor that takes precedence over `claim`, or None.

    It is the oldest one, if possible of a resource that is not being deleted. If `is_claimed` is false, any other claim
    takes precedence. `assume_same_redis` decides for a Redis that is unknown: true before something is deleted, else
    false.
    """
    before = [other for other in others if not is_claimed or other.rank < claim.rank]
    same = [
        other
        for other in before
        if (claim.is_same_redis(other) or (assume_same_redis and claim.is_same_redis(other) is None))
    ]
    return min(same, key=lambda claim: (claim.is_terminating, claim.rank), default=None)
