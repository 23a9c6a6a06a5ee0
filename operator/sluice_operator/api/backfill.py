"""The fields of a Relay's spec and status about its backfill: the listing of all its repositories."""

from typing import Annotated, Literal

from pydantic import Field

from sluice_operator.api.base import Model
from sluice_operator.api.ingester_status import Count, IngesterStatus
from sluice_operator.api.limits import limits_of
from sluice_redis import ingester_settings


class BackfillSpec(Model):
    """The listing of all repositories of a Relay (com.atproto.sync.listRepos)."""

    enabled: bool = False
    """Whether to list all repositories of the source and write each of them to Redis."""

    rescan_interval_seconds: Annotated[int | None, limits_of(ingester_settings.BACKFILL_RESCAN_SECONDS)] = None
    """Number of seconds to wait after a complete listing before the next one starts. Each listing writes every
    repository again. If not set, the repositories are listed once.
    """

    on_page_error: Literal["Retry", "SkipRepo"] = "Retry"
    """What to do when the source cannot list a repository. Retry tries again until it succeeds. SkipRepo gives up after
    several attempts, writes the repository to the dead-letter stream and continues with the next one.
    """


class BackfillStatus(IngesterStatus):
    """The state and the progress of the ingester of the backfill."""

    cursor: str | None = None
    """The position after the newest stored page of the listing, as returned by the source. It is !ingester-done when
    the listing is complete.
    """

    done: bool | None = None
    """Whether the listing is complete."""

    progress: str | None = None
    """The progress of the listing in short form: done, or the number of stored repositories, such as 1250000 repos."""

    repos: Count | None = None
    """Number of repositories stored, across all restarts and all listings."""

    repos_per_second: Annotated[float | None, Field(ge=0)] = None
    """Number of repositories stored per second, averaged over the last 60 seconds."""
