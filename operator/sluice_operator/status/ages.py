"""Decides when an age in a status, which grows by itself, has changed enough to be written.

If each new age were written, a quiet labeler would cause two writes a minute. So from five minutes on, an age counts as
changed when it has doubled: nine times in a quiet day. The written age is at least about half of the true one.
"""

from typing import Final

from sluice_operator.api.ingester_status import IngesterStatus, StreamStatus

FIRST_SECONDS: Final = 300


def with_coarse_ages(part: IngesterStatus) -> IngesterStatus:
    """`part` with each age replaced by how often it has doubled."""
    groups = part.consumer_groups and tuple(
        group.model_copy(update={"oldest_pending_seconds": doublings(group.oldest_pending_seconds)})
        for group in part.consumer_groups
    )
    update: dict[str, object] = {"consumer_groups": groups}
    if isinstance(part, StreamStatus):
        update["newest_event_age_seconds"] = doublings(part.newest_event_age_seconds)
    return part.model_copy(update=update)


def doublings(seconds: int | None) -> int | None:
    """0 below five minutes, 1 from five minutes on, 2 from ten minutes on, and so on."""
    return None if seconds is None else (seconds // FIRST_SECONDS).bit_length()
