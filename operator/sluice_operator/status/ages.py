"""Ages in a status, which grow though nothing happens.

An age that only ticks is no news, else a labeler that rests would be written about twice a minute for ever. But one
that is never written becomes a lie. So it is news when it has doubled, from five minutes on: nine times in a day of
rest, and what stands there is never less than half of the truth.
"""

from typing import Final

from sluice_operator.api.ingester_status import IngesterStatus, StreamStatus

FIRST_SECONDS: Final = 300


def with_coarse_ages(part: IngesterStatus) -> IngesterStatus:
    """`part` with ages that tell no more than how often they have doubled."""
    groups = part.consumer_groups and tuple(
        group.model_copy(update={"oldest_pending_seconds": doublings(group.oldest_pending_seconds)})
        for group in part.consumer_groups
    )
    update: dict[str, object] = {"consumer_groups": groups}
    if isinstance(part, StreamStatus):
        update["newest_event_age_seconds"] = doublings(part.newest_event_age_seconds)
    return part.model_copy(update=update)


def doublings(seconds: int | None) -> int | None:
    """0 below five minutes, then 1, from ten minutes on 2, and so on."""
    return None if seconds is None else (seconds // FIRST_SECONDS).bit_length()
